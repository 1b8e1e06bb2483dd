/** Starts a server of the test's own and waits, so that the test can end it in the middle: prints the server's port. */
import process from 'node:process';
import { startKept } from './keptProcess.ts';

const SERVER =
  "require('node:http').createServer((_, to) => to.end('here')).listen(Number(process.argv[1]), '127.0.0.1')";

const { port } = await startKept('listener', (on) => ({ file: process.execPath, args: ['-e', SERVER, String(on)] }));
process.stdout.write(`${port}\n`);
setInterval(() => {}, 60_000);
