/** What the stores of the data folder say of the operating system's errors: as every reader of this machine's files does. */
export { errnoOf, inputFault, storeFault } from '../files/osFaults.ts';
