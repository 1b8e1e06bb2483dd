/** The hash of documents against Node's own HMAC. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DocumentHash } from '../../../../src/io/aws/debts/documentHash.ts';
import { madeBytes } from '../../../contract/support.ts';

describe('the hash of documents', () => {
  it.each([0, 1, 16, 63, 64, 65, 200])('is HMAC-SHA-256 under a key of %i bytes', (keyBytes) => {
    const key = madeBytes(keyBytes);
    const own = new DocumentHash(key, [11, 14]);
    // Texts of the usual size between others, and in turn: nothing of one stays for the next.
    for (const text of [
      '52998224725',
      '',
      '00000000191',
      '1',
      '52998224725',
      '9'.repeat(100),
      '12ABC34501DE35',
      '11144477735',
    ]) {
      expect(own.of(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
    }
  });
});
