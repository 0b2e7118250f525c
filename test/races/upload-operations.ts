import type { Store } from '../../core/src/store/index.ts';
import type { Operation } from './explanation.ts';
import { repository } from './registry-view.ts';
import { answerOf, body, digestOf, type UploadView } from './upload-view.ts';

/** One request for an upload. */
export interface UploadRequest {
  readonly ask: (store: Store, id: string) => Promise<string>;
  readonly operation: Operation<UploadView>;
  /** The blob that is promised when it is answered with `blob`. */
  readonly blob?: string;
}

const unknown = 'BLOB_UPLOAD_UNKNOWN';
const outOfOrder = 'out of order';

/** PATCH: adds bytes, at an offset or wherever the session stands. */
export function append(text: string, at?: number): UploadRequest {
  return {
    ask: (store, id) => {
      const bytes = { body: body(text), length: text.length, ...(at === undefined ? {} : { at }) };
      return answerOf(store.uploads.append(repository, id, bytes).then(({ offset }) => `at ${offset}`));
    },
    operation: {
      done: (view) => [
        ...refused(view),
        ...(view.content === undefined || (at ?? view.content.length) !== view.content.length
          ? []
          : [
              {
                answer: `at ${view.content.length + text.length}`,
                state: { ...view, content: view.content + text },
              },
            ]),
      ],
      cut: (view) => [
        view,
        ...(view.content === undefined ? [] : [{ ...view, content: view.content + text }]),
      ],
    },
  };
}

/** PUT: adds the last bytes and makes the session the blob `whole`. */
export function finish(whole: string, text = ''): UploadRequest {
  const stored = (view: UploadView): UploadView => ({
    ...view,
    blobs: [...new Set([...view.blobs, whole])].sort(),
  });
  // The id of a session that is gone is as good as new, until it is too old for that.
  const gone = (view: UploadView): UploadView[] => ['', undefined].map((content) => ({ ...view, content }));
  return {
    blob: whole,
    ask: (store, id) => {
      const bytes = { body: body(text), length: text.length };
      return answerOf(store.uploads.finish(repository, id, digestOf(whole), bytes).then(() => 'blob'));
    },
    operation: {
      done: (view) => {
        if (view.content === undefined) return refused(view);
        const all = view.content + text;
        const isBlob = all === whole || (all === '' && view.blobs.includes(whole));
        const states = gone(isBlob ? stored(view) : view);
        return [
          ...refused(view),
          ...states.map((state) => ({ answer: isBlob ? 'blob' : 'DIGEST_INVALID', state })),
        ];
      },
      // Between its last byte and its end a session may be finished again, or be unknown to whoever tries.
      cut: (view) =>
        [
          view,
          ...(view.content === undefined
            ? []
            : [view, stored(view)].flatMap((state) => [
                state,
                { ...state, content: 'lost' },
                ...gone(state),
              ])),
        ].filter(({ blobs }) => !blobs.includes(whole) || (view.content ?? '') + text === whole),
    },
  };
}

/** DELETE: ends the session. */
export const cancel: UploadRequest = {
  ask: (store, id) => answerOf(store.uploads.cancel(repository, id).then(() => 'cancelled')),
  operation: {
    done: (view) => [
      ...(view.content === undefined ? [{ answer: unknown, state: view }] : []),
      // Of two that come at the same time, both are told so.
      { answer: 'cancelled', state: { ...view, content: undefined } },
    ],
    cut: (view) => [view, { ...view, content: undefined }],
  },
};

/** The sweep of sessions that have rested for too long. A session that is in use meanwhile is none of them. */
export const sweep: UploadRequest = {
  ask: (store) => store.uploads.expire().then((count) => `${count} ended`),
  operation: {
    done: (view) => [
      { answer: '0 ended', state: view },
      { answer: '1 ended', state: { ...view, content: undefined } },
    ],
    cut: (view) => [view, { ...view, content: undefined }],
  },
};

/** Whoever comes to an ended session, or while another sends, is told so, and nothing changes. */
function refused(view: UploadView): { answer: string; state: UploadView }[] {
  return [{ answer: view.content === undefined ? unknown : outOfOrder, state: view }];
}
