import { expect } from 'chai';
import fc from 'fast-check';
import { digestOf } from '../../src/digest.ts';
import { blobLinkFormat, blobRecordFormat } from '../../src/store/blob-records.ts';
import { referrerFormat } from '../../src/store/referrer-store.ts';
import { freshSession, sessionFormat, type Session } from '../../src/store/sessions.ts';
import { manifestFormat } from '../../src/store/stored-manifest.ts';
import { nextTagRecord, tagRecordFormat, type TagRecord } from '../../src/store/tag-record.ts';

const bytes = Buffer.from('{"layers":[]}\n\r\n');
const digest = digestOf(bytes);

describe('What is stored', () => {
  const formats = {
    'blob records': blobRecordFormat,
    'blob links': blobLinkFormat,
    manifests: manifestFormat,
    referrers: referrerFormat,
    sessions: sessionFormat,
    tags: tagRecordFormat,
  };
  for (const [name, format] of Object.entries(formats)) {
    it(`of ${name} is read or counts as damaged, whatever the bytes are`, () => {
      const almost = fc
        .record(
          {
            digest: fc.oneof(fc.constant(digest), fc.string(), fc.integer()),
            state: fc.oneof(fc.constantFrom('live', 'deleting'), fc.jsonValue()),
            mediaType: fc.oneof(fc.constant('a/b'), fc.jsonValue()),
            descriptor: fc.jsonValue(),
            incarnation: fc.oneof(fc.string(), fc.jsonValue()),
            data: fc.oneof(fc.constantFrom('data/aa/x', '../x', ''), fc.jsonValue()),
            size: fc.oneof(fc.nat(), fc.jsonValue()),
            since: fc.oneof(fc.nat(), fc.jsonValue()),
            repository: fc.oneof(fc.string(), fc.jsonValue()),
            algorithm: fc.oneof(fc.constantFrom('sha256', 'constructor'), fc.jsonValue()),
            started: fc.oneof(fc.nat(), fc.jsonValue()),
            touched: fc.oneof(fc.nat(), fc.jsonValue()),
            offset: fc.oneof(fc.nat(), fc.jsonValue()),
            partsEnd: fc.oneof(fc.nat(), fc.jsonValue()),
            parts: fc.oneof(fc.nat(), fc.jsonValue()),
            claim: fc.jsonValue(),
            history: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((json) => Buffer.from(`${JSON.stringify(json)}\n${JSON.stringify(json)}`));
      const any = fc.oneof(
        fc.uint8Array(),
        almost,
        fc.json().map((json) => Buffer.from(`${json}\nrest`)),
      );
      fc.assert(
        fc.property(any, (stored) => {
          const value = format.decode(stored);
          if (value !== undefined) expect(value).to.be.an('object');
        }),
        { numRuns: 500 },
      );
    });

    it(`of ${name} counts as damaged when it is empty, or cut in its first line`, () => {
      expect(format.decode(Buffer.alloc(0))).to.equal(undefined);
      expect(format.decode(Buffer.from('{"digest":'))).to.equal(undefined);
    });
  }

  it('of a blob is its record, and its bytes when they are few', () => {
    const common = { digest, state: 'live', incarnation: 'i', size: bytes.length, since: 7 } as const;
    for (const data of ['data/aa/x', bytes]) {
      const stored = blobRecordFormat.encode({ ...common, data });
      expect(blobRecordFormat.decode(stored)).to.deep.equal({ ...common, data });
    }
    const inline = Buffer.from(blobRecordFormat.encode({ ...common, data: bytes }));
    for (const damage of [inline.subarray(0, -1), Buffer.concat([inline, Buffer.from('x')])]) {
      expect(blobRecordFormat.decode(damage)).to.equal(undefined);
    }
    inline.writeUInt8(inline.readUInt8(inline.length - 1) ^ 1, inline.length - 1);
    expect(blobRecordFormat.decode(inline)).to.equal(undefined);
  });

  it('of a manifest is its exact bytes, and damage when they are others', () => {
    const manifest = { digest, mediaType: 'a/b', bytes, incarnation: 'i', deleting: false };
    const stored = Buffer.from(manifestFormat.encode(manifest));
    expect(manifestFormat.decode(stored)).to.deep.equal(manifest);
    expect(manifestFormat.decode(stored.subarray(0, -1))).to.equal(undefined);
    expect(manifestFormat.decode(Buffer.concat([stored, Buffer.from(' ')]))).to.equal(undefined);
    const wrongType = stored.toString().replace('"a/b"', '"a\\nb"');
    expect(manifestFormat.decode(Buffer.from(wrongType))).to.equal(undefined);
  });

  it('of a session is all that another process needs to go on', () => {
    const state: fc.Arbitrary<Session['state']> = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.string(),
      fc.array(fc.integer()),
      fc.record({ id: fc.string(), parts: fc.array(fc.record({ etag: fc.string(), done: fc.boolean() })) }),
    );
    fc.assert(
      fc.property(state, fc.nat(), fc.nat(), fc.boolean(), (driverState, partsEnd, tail, isClaimed) => {
        const session: Session = {
          ...freshSession('app', 7, 'sha512'),
          state: driverState,
          partsEnd,
          offset: partsEnd + tail,
          parts: 3,
          digest,
          claim: isClaimed ? { owner: 'o', at: 9 } : undefined,
        };
        expect(sessionFormat.decode(sessionFormat.encode(session))).to.deep.equal(session);
      }),
    );
  });

  it('of a session counts as damaged when its numbers cannot be', () => {
    const session = freshSession('app', 7, 'sha256');
    for (const wrong of [{ partsEnd: 5, offset: 4 }, { offset: -1 }, { offset: 0.5 }, { data: '../x' }]) {
      const json = { ...session, ...wrong };
      expect(sessionFormat.decode(Buffer.from(JSON.stringify(json)))).to.equal(undefined);
    }
  });

  describe('of a tag', () => {
    const target = { digest, mediaType: 'a/b', size: 1, incarnation: 'i' };
    const other = { ...target, digest: digestOf(Buffer.from('other')) };

    it('is what it points at, and what it pointed at before, the newest first', () => {
      const first = nextTagRecord(undefined, target, { at: 1, actor: 'alice' });
      const second = nextTagRecord(first, other, { at: 2 });
      expect(second).to.deep.equal({
        ...other,
        history: [
          { at: 2, digest: other.digest },
          { at: 1, actor: 'alice', digest },
        ],
      });
      expect(tagRecordFormat.decode(tagRecordFormat.encode(second))).to.deep.equal(second);
    });

    it('is a hundred changes at most', () => {
      let record: TagRecord | undefined;
      for (let at = 0; at < 250; at += 1) record = nextTagRecord(record, target, { at });
      expect(record?.history.map(({ at }) => at)).to.deep.equal(
        Array.from({ length: 100 }, (_, index) => 249 - index),
      );
    });

    it('is still what it points at when its past is damaged', () => {
      const record = nextTagRecord(undefined, target, { at: 1 });
      const [present = ''] = Buffer.from(tagRecordFormat.encode(record)).toString().split('\n');
      for (const past of ['', 'garbage', '{"history":7}', '{"history":[1,null,{"digest":1}]}']) {
        const read = tagRecordFormat.decode(Buffer.from(`${present}\n${past}`));
        expect(read).to.deep.equal({ ...target, history: [] });
      }
    });
  });
});
