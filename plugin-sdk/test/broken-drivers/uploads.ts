import { isStorageError, StorageError, type Upload, type UploadState } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

const lengthOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((sum, chunk) => sum + chunk.length, 0);

export const brokenUploads: BrokenDriver[] = [
  {
    flaw: 'parts have no length',
    noticed: 'partSize is a positive whole number at every offset',
    breaks: () => ({ partSize: () => 0 }),
  },
  {
    flaw: 'an upload is a visible, empty object from its beginning',
    noticed: 'nothing of an upload is seen before it is complete',
    breaks: (driver) => ({
      async createUpload(key) {
        await driver.write(key, new Uint8Array());
        return driver.createUpload(key);
      },
    }),
  },
  {
    flaw: 'parts are visible as they come',
    noticed: 'nothing of an upload is seen before it is complete',
    breaks: (driver) => ({
      async uploadPart(upload, part) {
        await driver.write(upload.key, Buffer.concat(part));
        return driver.uploadPart(upload, part);
      },
    }),
  },
  {
    flaw: 'an unfinished upload is listed',
    noticed: 'nothing of an upload is seen before it is complete',
    breaks: (driver) => ({
      async createUpload(key) {
        await driver.write(`${key}.upload`, new Uint8Array());
        return driver.createUpload(key);
      },
    }),
  },
  {
    flaw: 'a part is added behind what is there, wherever it belongs',
    noticed: 'a part that is repeated may be shorter than it was',
    breaks(driver) {
      const latest = new Map<string, Upload>();
      return {
        async uploadPart(upload, part) {
          const from = latest.get(upload.key) ?? upload;
          const state = await driver.uploadPart(from, part);
          latest.set(upload.key, {
            key: upload.key,
            offset: from.offset + lengthOf(part),
            parts: from.parts + 1,
            state,
          });
          return state;
        },
        completeUpload: (upload, lastPart) =>
          driver.completeUpload(latest.get(upload.key) ?? upload, lastPart),
      };
    },
  },
  {
    flaw: 'a part that is there already is not taken again',
    noticed: 'a part that is repeated may be shorter than it was',
    breaks(driver) {
      const taken = new Map<string, Upload>();
      return {
        async uploadPart(upload, part) {
          const before = taken.get(`${upload.key} ${upload.offset}`);
          if (before !== undefined) return before.state;
          const state = await driver.uploadPart(upload, part);
          taken.set(`${upload.key} ${upload.offset}`, { ...upload, state });
          return state;
        },
      };
    },
  },
  {
    flaw: 'the end of a longer part shows behind a shorter one that replaced it',
    noticed: 'a part that is repeated may be shorter than it was',
    breaks(driver) {
      const furthest = new Map<string, Uint8Array>();
      return {
        uploadPart(upload, part) {
          const bytes = Buffer.concat(part);
          if (upload.offset === 0 && bytes.length > (furthest.get(upload.key)?.length ?? 0)) {
            furthest.set(upload.key, bytes);
          }
          return driver.uploadPart(upload, part);
        },
        completeUpload(upload, lastPart) {
          const beyond =
            furthest.get(upload.key)?.subarray(upload.offset + lengthOf(lastPart)) ?? new Uint8Array();
          return driver.completeUpload(upload, [...lastPart, beyond]);
        },
      };
    },
  },
  {
    flaw: 'an upload never goes back to an earlier state',
    noticed: 'an upload goes back to an earlier state, to go on from it or to be completed',
    breaks(driver) {
      const parts = new Map<string, number>();
      return {
        uploadPart(upload, part) {
          parts.set(upload.key, upload.parts + 1);
          return driver.uploadPart(upload, part);
        },
        async completeUpload(upload, lastPart) {
          if (upload.parts < (parts.get(upload.key) ?? 0))
            throw new StorageError('UPLOAD_UNKNOWN', 'an old state');
          return driver.completeUpload(upload, lastPart);
        },
      };
    },
  },
  {
    flaw: 'the state is no JSON',
    noticed: 'three parts and a tail come back byte for byte',
    breaks(driver) {
      const wrap = (state: UploadState): UploadState => ({ state, deadline: Infinity });
      const unwrap = (upload: Upload): Upload => {
        const { state } = upload;
        return typeof state === 'object' && state !== null && 'state' in state
          ? { ...upload, state: state.state ?? null }
          : upload;
      };
      return {
        createUpload: async (key) => wrap(await driver.createUpload(key)),
        uploadPart: async (upload, part) => wrap(await driver.uploadPart(unwrap(upload), part)),
        completeUpload: (upload, lastPart) => driver.completeUpload(unwrap(upload), lastPart),
        abortUpload: (upload) => driver.abortUpload(unwrap(upload)),
      };
    },
  },
  {
    flaw: 'a process knows no upload but its own',
    noticed: 'an upload is continued from its state alone, each step by another process',
    breaks(driver) {
      const own = new Set<string>();
      return {
        createUpload(key) {
          own.add(key);
          return driver.createUpload(key);
        },
        async uploadPart(upload, part) {
          if (!own.has(upload.key)) throw new StorageError('UPLOAD_UNKNOWN', 'not begun here');
          return driver.uploadPart(upload, part);
        },
      };
    },
  },
  {
    flaw: 'all uploads are one',
    noticed: 'two uploads at once do not mix',
    breaks(driver) {
      let only: Promise<UploadState> | undefined;
      return { createUpload: (key) => (only ??= driver.createUpload(key)) };
    },
  },
  {
    flaw: 'the chunks of a part are kept, not copied',
    noticed: "the chunks are the caller's again once a part or the last bytes have settled",
    breaks(driver) {
      const kept = new Map<string, Uint8Array[]>();
      return {
        async uploadPart(upload, part) {
          kept.set(upload.key, [...(kept.get(upload.key) ?? []), ...part]);
          return upload.state;
        },
        completeUpload: ({ key, state }, lastPart) =>
          driver.completeUpload({ key, state, offset: 0, parts: 0 }, [...(kept.get(key) ?? []), ...lastPart]),
      };
    },
  },
  {
    flaw: 'of a last part the first chunk counts alone',
    noticed: 'a last part may be longer than a part',
    breaks: (driver) => ({
      completeUpload: (upload, last) => driver.completeUpload(upload, last.slice(0, 1)),
    }),
  },
  {
    flaw: 'an object without parts cannot be completed',
    noticed: 'an object may be all last part',
    breaks: (driver) => ({
      async completeUpload(upload, lastPart) {
        if (upload.parts === 0) throw new StorageError('UNAVAILABLE', '400 no parts');
        return driver.completeUpload(upload, lastPart);
      },
    }),
  },
  {
    flaw: 'a last part may not be empty',
    noticed: 'a last part may be empty, after at least one part',
    breaks: (driver) => ({
      async completeUpload(upload, lastPart) {
        if (lengthOf(lastPart) === 0) throw new StorageError('UNAVAILABLE', '400 empty part');
        return driver.completeUpload(upload, lastPart);
      },
    }),
  },
  {
    flaw: 'a last part may not be longer than a part',
    noticed: 'a last part may be longer than a part',
    breaks: (driver) => ({
      async completeUpload(upload, lastPart) {
        if (lengthOf(lastPart) > 131_072) throw new StorageError('UNAVAILABLE', '413 part too long');
        return driver.completeUpload(upload, lastPart);
      },
    }),
  },
  {
    flaw: 'an aborted upload stays where it is',
    noticed: 'what has been aborted is forgotten: it is neither continued nor completed',
    breaks: () => ({ abortUpload: async () => undefined }),
  },
  {
    flaw: 'an upload that is forgotten is an error without a code',
    noticed: 'what has been aborted is forgotten: it is neither continued nor completed',
    breaks: (driver) => ({
      async completeUpload(upload, lastPart) {
        try {
          await driver.completeUpload(upload, lastPart);
        } catch (error) {
          throw isStorageError(error, 'UPLOAD_UNKNOWN') ? new Error('NoSuchUpload', { cause: error }) : error;
        }
      },
    }),
  },
  {
    flaw: 'a part of an aborted upload brings it back',
    noticed: 'what has been aborted is forgotten: it is neither continued nor completed',
    breaks: (driver) => ({
      async uploadPart(upload, part) {
        try {
          return await driver.uploadPart(upload, part);
        } catch (error) {
          if (!isStorageError(error, 'UPLOAD_UNKNOWN')) throw error;
          const state = await driver.createUpload(upload.key);
          const hole = await driver.uploadPart({ ...upload, state, offset: 0, parts: 0 }, [
            new Uint8Array(upload.offset),
          ]);
          return driver.uploadPart({ ...upload, state: hole, parts: 1 }, part);
        }
      },
    }),
  },
  {
    flaw: 'aborting twice is an error',
    noticed: 'an upload is aborted twice, or before its first part, without an error',
    breaks(driver) {
      const aborted = new Set<string>();
      return {
        async abortUpload(upload) {
          if (aborted.has(upload.key)) throw new StorageError('UPLOAD_UNKNOWN', '404 no such upload');
          aborted.add(upload.key);
          await driver.abortUpload(upload);
        },
      };
    },
  },
  {
    flaw: 'aborting one upload aborts all',
    noticed: 'aborting one upload leaves another',
    breaks(driver) {
      const begun: Upload[] = [];
      return {
        async createUpload(key) {
          const state = await driver.createUpload(key);
          begun.push({ key, state, offset: 0, parts: 0 });
          return state;
        },
        async abortUpload() {
          for (const upload of begun) await driver.abortUpload(upload);
        },
      };
    },
  },
  {
    flaw: 'aborting what is complete removes the object',
    noticed: 'aborting what is complete harms nothing, whatever state is aborted',
    breaks: (driver) => ({
      async abortUpload(upload) {
        await driver.abortUpload(upload);
        await driver.delete(upload.key);
      },
    }),
  },
  {
    flaw: 'completing what is complete writes the object anew',
    noticed: 'completing what is complete leaves the object as it is',
    breaks: (driver) => ({
      async completeUpload(upload, lastPart) {
        if ((await driver.size(upload.key)) === undefined) return driver.completeUpload(upload, lastPart);
        await driver.write(upload.key, Buffer.concat(lastPart));
      },
    }),
  },
];
