/**
 * Where the test servers that are no npm packages lie, and in which versions: DynamoDB Local (Java) and moto (Python); and
 * schemathesis (Python), which asks the API whatever its description allows and forbids.
 * `scripts/aws-servers.ts` puts them there; the folder of a server has its version in its name and appears only when whole.
 */
import { join, resolve } from 'node:path';

export const SERVERS_DIR = resolve(import.meta.dirname, '../../../.aws-servers');

export const DYNAMODB_LOCAL_VERSION = '2.6.1';
export const MOTO_VERSION = '5.2.5';
export const SCHEMATHESIS_VERSION = '4.32.5';

/** In a server's folder, written last: its version. */
export const MARK_FILE = 'installed';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

export const DYNAMODB_LOCAL_DIR = join(SERVERS_DIR, `dynamodb-local-${DYNAMODB_LOCAL_VERSION}`);
export const MOTO_DIR = join(SERVERS_DIR, `moto-${MOTO_VERSION}`);
export const SCHEMATHESIS_DIR = join(SERVERS_DIR, `schemathesis-${SCHEMATHESIS_VERSION}`);

/** Short-lived and small: one simple compiler and collector start in half the time of the defaults. */
const JAVA_FLAGS = ['-Xmx768m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

/** Everything in memory; every access key and region has tables of its own. */
export function dynamodbLocalCommand(port: number): Command {
  const main = 'com.amazonaws.services.dynamodbv2.local.main.ServerRunner';
  const native = `-Dsqlite4java.library.path=${DYNAMODB_LOCAL_DIR}`;
  const server = ['-inMemory', '-disableTelemetry', '-port', String(port)];
  return { file: 'java', args: [...JAVA_FLAGS, native, '-cp', join(DYNAMODB_LOCAL_DIR, '*'), main, ...server] };
}

export function motoCommand(port: number): Command {
  return { file: join(MOTO_DIR, 'bin', 'moto_server'), args: ['-H', '127.0.0.1', '-p', String(port)] };
}
