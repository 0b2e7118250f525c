import { isRegistryError, isStorageKey } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import fc from 'fast-check';
import { incomingBytes } from '../../core/src/api/incoming-bytes.ts';
import { Clients } from '../../core/src/http/clients.ts';
import { changeCondition, isNotModified } from '../../core/src/http/conditions.ts';
import { parseAuthorization } from '@entrepot/plugin-sdk/access';
import { isRepositoryName, matchRoute } from '../../core/src/http/match-route.ts';
import { Query } from '../../core/src/http/query.ts';
import { parseRange } from '../../core/src/http/range.ts';
import { isNestedDeeper } from '../../core/src/manifest/nesting.ts';
import { keys } from '../../core/src/store/keys.ts';
import { bareRequest } from '../../core/test/http/bare-request.ts';

const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}$/);
const repository = fc
  .array(component, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter(isRepositoryName);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const digest = fc.oneof(
  fc.stringMatching(/^sha256:[a-f0-9]{64}$/),
  fc.stringMatching(/^sha512:[a-f0-9]{128}$/),
);

describe('What a client writes', () => {
  /** Where steps grow with the square of the length, each of these takes minutes, and the test its time. */
  it('is read or refused in as many steps as it has bytes', () => {
    const length = 200_000;
    const much = (text: string): string => text.repeat(length);
    for (const header of [
      `bytes=${much(' ')}x`,
      `bytes=1-${much(' ')}x`,
      `bytes=1${much(' ')}x`,
      `bytes=-${much(' ')}x`,
      `bytes${much(' ')}x`,
      `bytes=${much('1')}x`,
      `bytes=-${much('1')}${much(' ')}x`,
      `${much('1')}-`,
      `${much(',')}x`,
      `${much('W/')}x`,
      much(','),
      much(' '),
      `Basic${much(' ')}`,
      `Basic ${much('=')}`,
    ]) {
      const { context } = bareRequest({
        'content-range': header,
        'if-none-match': header,
        'if-match': header,
        'x-forwarded-prefix': header,
        'x-request-id': header,
      });
      unlessRefused(() => parseRange(header, 10));
      unlessRefused(() => incomingBytes(context));
      isNotModified(context, 'sha256:0');
      changeCondition(context)?.('sha256:0');
      parseAuthorization(header);
      expect(context.basePath).to.equal('');
    }
    for (const forwardedHeader of ['X-Forwarded-For', 'Forwarded'] as const) {
      const clients = new Clients({ trustedProxies: ['0.0.0.0/0'], forwardedHeader });
      for (const hop of ['1', ',', ';', ' ', '"', ';for=', ';for="a"', ', for=1.1.1.1;', '[', '1.1.1.1,']) {
        const { request } = bareRequest({ [forwardedHeader.toLowerCase()]: much(hop) });
        Object.defineProperty(request.socket, 'remoteAddress', { value: '127.0.0.1' });
        expect(clients.addressOf(request)).to.match(/^(?:127\.0\.0\.1|1\.1\.1\.1)$/);
      }
    }
    for (const [first, last] of [
      ['a', '!'],
      ['a-', '!'],
      ['-', 'a'],
      ['a/', '/'],
      ['a__', '!'],
      ['/', ''],
      ['%2f', ''],
    ] as const) {
      const text = `${much(first)}${last}`;
      isRepositoryName(text);
      for (const path of [`/v2/${text}`, `/v2/${text}/tags/list`, `/v2/a/manifests/${text}`, text])
        unlessRefused(() => matchRoute(path));
      unlessRefused(() => Query.parse(text).count('n'));
    }
  });

  it('becomes keys that every storage takes, and nothing that leads elsewhere', () => {
    fc.assert(
      fc.property(repository, tag, digest, digest, (name, each, subject, of) => {
        for (const key of [
          keys.repository(name),
          keys.manifest(name, of),
          keys.tag(name, each),
          keys.referrer(name, subject, of),
          keys.link(name, of),
          keys.record(of),
        ]) {
          expect(isStorageKey(key), key).to.equal(true);
        }
        expect(keys.repositoryOf(keys.repository(name))).to.equal(name);
        expect(keys.tagOf(keys.tag(name, each))).to.equal(each);
      }),
      { numRuns: 500 },
    );
  });

  it('nests as deep as it does: strings and escapes count for nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 12 }), (json) => {
        const bytes = Buffer.from(JSON.stringify(json));
        const depth = depthOf(json);
        expect(isNestedDeeper(bytes, depth)).to.equal(false);
        if (depth > 0) expect(isNestedDeeper(bytes, depth - 1)).to.equal(true);
      }),
      { numRuns: 1000 },
    );
  });
});

function unlessRefused(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isRegistryError(error) || error.status >= 500) throw error;
  }
}

function depthOf(json: unknown): number {
  if (typeof json !== 'object' || json === null) return 0;
  let deepest = 0;
  for (const each of Object.values(json)) deepest = Math.max(deepest, depthOf(each));
  return 1 + deepest;
}
