/**
 * Builds the WebAssembly kernel ahead of its first use and says where it is: for images whose last stage has no
 * development dependencies, and before tests. Ends with 1 where it does not compile or cannot be kept.
 */
import { relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { builtKernel } from '../src/engine/kernelModule.ts';

const { file, kept } = await builtKernel();
const path = relative(process.cwd(), fileURLToPath(file));
process.stdout.write(kept ? `${path}\n` : `${path} could not be written\n`);
process.exitCode = kept ? 0 : 1;
