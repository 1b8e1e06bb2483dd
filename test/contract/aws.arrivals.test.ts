/**
 * Arrivals in S3 under the contract of the port. The servers here send no notifications of their own (or, moto, ones whose
 * sequencers are all alike), so the fixture sends what S3 would.
 */

import { openInbox, s3Event } from '../io/aws/s3/arrivalsSupport.ts';
import { serviceServers } from '../support/aws/servers.ts';
import { type ArrivalsFixture, describeArrivals } from './arrivals.contract.ts';

for (const kind of serviceServers()) {
  describeArrivals(`S3 on ${kind.name}`, async (): Promise<ArrivalsFixture> => {
    const server = await kind.start();
    const inbox = await openInbox(server);
    let arrivals = inbox.open();
    let events = 0;
    return {
      store: arrivals,
      objects: inbox.s3.objects,
      takesInPlace: true,
      async bring(client, file, text) {
        const key = `inbox/${client}/${file}`;
        const { ETag, VersionId } = await inbox.put(key, text);
        const sequencer = (++events).toString(16).padStart(16, '0');
        await inbox.send(s3Event({ key, etag: ETag, version: VersionId, sequencer, atMs: Date.now() + events }));
      },
      async reopen() {
        await arrivals.close();
        arrivals = inbox.open();
        return arrivals;
      },
      async dispose() {
        inbox.close();
        await server.close();
      },
    };
  });
}
