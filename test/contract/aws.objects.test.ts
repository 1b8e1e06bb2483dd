/**
 * The S3 store under the contract of the object store, on every server that speaks S3; and once more over a line on which a
 * fifth of the calls fail or lose their reply, which nobody who uses the store may notice.
 */
import { createBucket, openS3, uploadsUnderWay } from '../io/aws/s3/support.ts';
import { startFaultProxy } from '../support/aws/faultProxy.ts';
import { fauxqsKind, type ServerKind, serviceServers } from '../support/aws/servers.ts';
import { describeObjectStore, type ObjectsFixture } from './objects.contract.ts';

interface Line {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Beyond the tries of a bad line: one in five in a row, twelve times, is not met by these seeds. */
const TRIES_MAX = 12;

async function fixture(kind: ServerKind, lineTo: (endpoint: string) => Promise<Line>): Promise<ObjectsFixture> {
  const server = await kind.start();
  const line = await lineTo(server.endpoint);
  const direct = openS3(server.endpoint);
  await createBucket(direct.client);
  let opened = openS3(line.endpoint, { triesMax: TRIES_MAX });
  return {
    store: opened.objects,
    equalBytesAreOneState: true,
    leftovers: () => uploadsUnderWay(direct.client),
    async reopen() {
      opened.close();
      opened = openS3(line.endpoint, { triesMax: TRIES_MAX });
      return opened.objects;
    },
    async dispose() {
      opened.close();
      direct.close();
      await line.close();
      await server.close();
    },
  };
}

for (const kind of serviceServers()) {
  describeObjectStore(`S3 on ${kind.name}`, () =>
    fixture(kind, async (endpoint) => ({ endpoint, close: async () => {} })),
  );
}

const fauxqs = fauxqsKind();
let seed = 0;
describeObjectStore(`S3 on ${fauxqs.name}, over a bad line`, () =>
  fixture(fauxqs, (endpoint) => startFaultProxy(endpoint, { failed: 0.1, replyLost: 0.1, sentTwice: 0 }, ++seed)),
);
