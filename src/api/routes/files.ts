/** /v1/files: a file in one request, raw or as a form, plain or gzip, straight into the object store. */
import type { FastifyInstance } from 'fastify';
import { exactJsonText } from '../../core/text.ts';
import { callerOf, clientOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import { problemSchema, uploadedSchema, uploadQuery } from '../schemas.ts';
import { answerStreamOnce } from '../services/idempotent.ts';
import {
  acceptUpload,
  digestUpload,
  type Stored,
  storeUpload,
  UploadSlots,
  type UploadWishes,
} from '../services/uploads.ts';
import { fullBatchView } from '../services/views.ts';
import { assertOperatorDay } from './submissions.ts';

interface Upload {
  readonly Querystring: { readonly file?: string; readonly dryRun: 'true' | 'false'; readonly asOf?: string };
}

const DESCRIPTION = `The body is the file itself (text/csv, application/x-ndjson, application/gzip,
application/octet-stream) or a form with one file part (multipart/form-data). It is read by the profile of its client. Gzip
may be the file's own or the request's Content-Encoding. Content-Digest (sha-256, sha-512), X-Checksum-SHA256 and
X-Checksum-CRC32 are checked where they are given.`;

const CONSUMES = [
  'text/csv',
  'application/x-ndjson',
  'application/gzip',
  'application/octet-stream',
  'multipart/form-data',
];

/** Registered in a scope of its own: no parser touches the body here. */
export function fileRoutes(app: FastifyInstance, context: ApiContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const slots = new UploadSlots(context.settings.httpUploadsMax);

  app.post<Upload>(
    '/files',
    {
      schema: {
        tags: ['files'],
        summary: 'Send a file',
        description: DESCRIPTION,
        consumes: CONSUMES,
        querystring: uploadQuery,
        response: { 202: uploadedSchema, '4XX': problemSchema, '5XX': problemSchema },
      },
    },
    async (request, reply) => {
      const { file, dryRun, asOf } = request.query;
      if (asOf !== undefined) assertOperatorDay(callerOf(request).scope, asOf);
      const wishes: UploadWishes = {
        client: clientOf(request),
        file: file ?? 'upload.csv',
        asOf: asOf ?? null,
        dryRun: dryRun === 'true',
      };
      return await slots.hold(() =>
        answerStreamOnce(
          context,
          request,
          reply,
          async (claim) => {
            const stored =
              claim.noted === null
                ? await storeUpload(context, request.raw, wishes)
                : (JSON.parse(claim.noted.effect) as Stored);
            // From here on the same file is accepted, whoever carries the request on.
            await claim.note({ fingerprint: stored.sha256, effect: JSON.stringify(stored) });
            const batch = await acceptUpload(context, stored, wishes);
            const view = await fullBatchView(context, batch);
            const upload = { bytes: stored.bytes, sha256: stored.sha256 };
            return {
              status: 202,
              headers: { location: `/v1/batches/${batch.id}` },
              body: exactJsonText({ ...view, upload }),
              digest: stored.sha256,
            };
          },
          () => digestUpload(context, request.raw),
        ),
      );
    },
  );
}
