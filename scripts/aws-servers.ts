/**
 * `npm run aws-servers`: puts the test servers that are no npm packages into `.aws-servers/`, in the versions of
 * test/support/aws/installed.ts: DynamoDB Local with Maven, moto with pip; and schemathesis, which is no server but asks ours.
 * What is there already is left as it is.
 *
 * A server counts as there once its folder holds the mark of its version, which is written last; a folder without one is
 * made anew. One run at a time: two would make the same folder. Ends with 1, and says what is missing, where a program it needs is not on this machine or a step fails.
 */
import { spawn } from 'node:child_process';
import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import {
  DYNAMODB_LOCAL_DIR,
  DYNAMODB_LOCAL_VERSION,
  MARK_FILE,
  MOTO_DIR,
  MOTO_VERSION,
  SCHEMATHESIS_DIR,
  SCHEMATHESIS_VERSION,
  SERVERS_DIR,
} from '../test/support/aws/installed.ts';

const JAVA_MAJOR_MIN = 17;
const PYTHON_MINOR_MIN = 10;
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const SAID_BYTES_MAX = 4000;

/** A problem that the person at the keyboard can mend; its message says how. */
class Unmet extends Error {
  override readonly name = 'Unmet';
}

interface Server {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** What runs it, where that is in the folder. */
  readonly interpreter?: string;
  /** Throws `Unmet` where what it needs to run is missing; asked at every run. */
  check(): Promise<void>;
  /** The same for what its installation needs; asked before anything is touched. */
  prepare(): Promise<void>;
  install(): Promise<void>;
}

const dynamodbLocal: Server = {
  name: 'DynamoDB Local',
  version: DYNAMODB_LOCAL_VERSION,
  folder: DYNAMODB_LOCAL_DIR,
  async check() {
    const told = await said('java', ['-version'], `DynamoDB Local needs Java ${JAVA_MAJOR_MIN} or later on the PATH.`);
    const major = Number(/version "(\d+)/.exec(told)?.[1] ?? 0);
    if (major < JAVA_MAJOR_MIN)
      throw new Unmet(`DynamoDB Local needs Java ${JAVA_MAJOR_MIN} or later; found ${major}.`);
  },
  async prepare() {
    await said('mvn', ['--version'], 'DynamoDB Local is fetched by Maven: put `mvn` on the PATH.');
  },
  async install() {
    await writeFile(join(DYNAMODB_LOCAL_DIR, 'pom.xml'), pom());
    const to = [`-DoutputDirectory=${DYNAMODB_LOCAL_DIR}`, '-DincludeScope=runtime'];
    const pomFile = join(DYNAMODB_LOCAL_DIR, 'pom.xml');
    await said('mvn', ['--batch-mode', '--quiet', '--strict-checksums', '--file', pomFile, COPY_DEPENDENCIES, ...to]);
    await nameNativeLibraries();
    await mustHold(join(DYNAMODB_LOCAL_DIR, `DynamoDBLocal-${DYNAMODB_LOCAL_VERSION}.jar`));
  },
};

interface PythonPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** What pip is asked for beside the name: `[server]`. */
  readonly extras: string;
  /** The program that must be there then. */
  readonly program: string;
}

/** In an environment of its own, every package that comes with it in the version of `scripts/<name>-constraints.txt`. */
function python({ name, version, folder, extras, program }: PythonPackage): Server {
  const interpreter = join(folder, 'bin', 'python');
  return {
    name,
    version,
    folder,
    interpreter,
    async check() {},
    async prepare() {
      const wanted = `${name} needs Python 3.${PYTHON_MINOR_MIN} or later on the PATH as \`python3\`.`;
      const told = await said('python3', ['--version'], wanted);
      const [, major, minor] = /Python (\d+)\.(\d+)/.exec(told) ?? [];
      if (Number(major) !== 3 || Number(minor) < PYTHON_MINOR_MIN) throw new Unmet(`${wanted} Found: ${told.trim()}.`);
    },
    async install() {
      await said('python3', ['-m', 'venv', folder], 'Python needs its modules `venv` and `ensurepip`.');
      const constraints = join(import.meta.dirname, `${name}-constraints.txt`);
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--constraint', constraints];
      await said(interpreter, [...pip, `${name}${extras}==${version}`]);
      const ask = `from importlib.metadata import version; print(version('${name}'))`;
      const found = (await said(interpreter, ['-c', ask])).trim();
      if (found !== version) throw new Unmet(`${name} ${version} was asked for, and ${found} came.`);
      await mustHold(join(folder, 'bin', program));
    },
  };
}

const moto = python({
  name: 'moto',
  version: MOTO_VERSION,
  folder: MOTO_DIR,
  extras: '[server]',
  program: 'moto_server',
});

const schemathesis = python({
  name: 'schemathesis',
  version: SCHEMATHESIS_VERSION,
  folder: SCHEMATHESIS_DIR,
  extras: '',
  program: 'st',
});

async function provide(server: Server): Promise<void> {
  const began = performance.now();
  await server.check();
  const mark = join(server.folder, MARK_FILE);
  if (await isThere(server, mark)) return;
  await server.prepare();
  tell(`${server.name} ${server.version}: installing`);
  await rm(server.folder, { recursive: true, force: true });
  await mkdir(server.folder, { recursive: true });
  await server.install();
  await writeFile(mark, `${server.version}\n`);
  tell(`${server.name} ${server.version}: installed in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** A virtual environment points at the Python that made it, which may have gone since. */
async function isThere(server: Server, mark: string): Promise<boolean> {
  try {
    if ((await readFile(mark, 'utf8')).trim() !== server.version) return false;
    if (server.interpreter !== undefined) await access(server.interpreter, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Java asks for `libsqlite4java-linux-amd64.so`; Maven's copies have the version in their names. */
async function nameNativeLibraries(): Promise<void> {
  for (const name of await readdir(DYNAMODB_LOCAL_DIR)) {
    const plain = name.replace(/^((?:lib)?sqlite4java-.+?)-[\d.]+\.(so|dylib|dll)$/, '$1.$2');
    if (plain !== name) await rename(join(DYNAMODB_LOCAL_DIR, name), join(DYNAMODB_LOCAL_DIR, plain));
  }
  const needed: Readonly<Record<string, string>> = {
    'linux x64': 'libsqlite4java-linux-amd64.so',
    'darwin x64': 'libsqlite4java-osx.dylib',
  };
  const native = needed[`${process.platform} ${process.arch}`];
  if (native === undefined) {
    throw new Unmet(`DynamoDB Local ${DYNAMODB_LOCAL_VERSION} has no SQLite for ${process.platform} ${process.arch}.`);
  }
  await mustHold(join(DYNAMODB_LOCAL_DIR, native));
}

async function mustHold(file: string): Promise<void> {
  try {
    await access(file);
  } catch {
    throw new Unmet(`The installation left no ${file}.`);
  }
}

/** What a program says on both of its outputs. Where it is missing or fails, the hint is told with its last words. */
async function said(file: string, args: readonly string[], hint = ''): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const keep = (block: Buffer): void => {
    text = (text + block.toString('utf8')).slice(-SAID_BYTES_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', () => fail(new Unmet(`\`${file}\` cannot be run. ${hint}`)));
    child.once('close', done);
  });
  if (code !== 0) throw new Unmet(`\`${[file, ...args].join(' ')}\` ended with ${code}. ${hint}\n${text}`);
  return text;
}

function pom(): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>remessa</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>${DYNAMODB_LOCAL_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

await mkdir(SERVERS_DIR, { recursive: true });
for (const end of await Promise.allSettled([dynamodbLocal, moto, schemathesis].map(provide))) {
  if (end.status === 'fulfilled') continue;
  if (!(end.reason instanceof Unmet)) throw end.reason;
  tell(end.reason.message);
  process.exitCode = 1;
}
