/** The S3 store under the contract of the object store, on every server that speaks S3. */

import { createBucket, openS3, uploadsUnderWay } from '../io/aws/s3Support.ts';
import { serviceServers } from '../support/aws/servers.ts';
import { describeObjectStore, type ObjectsFixture } from './objects.contract.ts';

for (const kind of serviceServers()) {
  describeObjectStore(`S3 on ${kind.name}`, async (): Promise<ObjectsFixture> => {
    const server = await kind.start();
    let opened = openS3(server.endpoint);
    await createBucket(opened.client);
    return {
      store: opened.objects,
      equalBytesAreOneState: true,
      leftovers: () => uploadsUnderWay(opened.client),
      async reopen() {
        opened.close();
        opened = openS3(server.endpoint);
        return opened.objects;
      },
      async dispose() {
        opened.close();
        await server.close();
      },
    };
  });
}
