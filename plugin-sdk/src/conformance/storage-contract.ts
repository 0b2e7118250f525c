/**
 * The sentences of storage.ts that the kit holds a driver to, word for word (a test compares the two). The message of
 * a failure quotes the one that broke.
 */
export const says = {
  // the contract as a whole
  atomic: 'no reader sees half an object',
  consistent: 'a finished write or delete is seen by the next `read`, `open` and `list`, from any process',
  survives: 'what has been answered survives the death of the process',
  oneWinner: '`ifAbsent` has one winner',
  noLostUpdate: '`ifMatch` never loses an update and never matches a missing key',
  absence: 'Absence is a value (`undefined`), never an error',
  keys: 'segments of `[A-Za-z0-9._~-]`, 1 to 255 bytes each, joined by `/`; none is `.` or `..`',

  // small objects
  read: 'The object under `key`, or `undefined` when there is none',
  known: 'It is a means to be faster, never to be stale',
  write: 'Creates or replaces a small object (at most 16 MiB) atomically',
  tooLarge: 'RangeError when it has more bytes than a small object may have',
  callersBytes: "The bytes are the driver's until it has settled",
  writeRefused: '`PRECONDITION_FAILED` when the condition does not hold; nothing has been written then',
  etag: 'another version of the object has another etag',
  ifAbsent: 'Write only if there is no object under the key',
  ifMatch: "Write only if the object's etag is this one",
  transient: 'May be lost by a loss of power, never by the death of a process',
  delete: 'Removes an object, small or large',
  deleteAbsent: 'Removing what is absent is no error, also under a condition',
  deleteRefused: '`PRECONDITION_FAILED` when `ifMatch` is given and the object has another etag',

  // listing
  list: 'Keys that start with `prefix` and come after `startAfter`, in byte order (`a-b` before `a/b`)',
  limit: 'The most keys to return, at least 1',
  more: 'Whether more keys follow the last one',
  page: 'A page may be short and still have more after it, but never empty then',

  // reading large objects
  open: 'Opens an object, small or large, for reading in order',
  range: 'A `range` that reaches past the end is cut there',
  rangePastEnd: 'one that begins there or later has no bytes',
  openAbsent: '`undefined` when there is no such object',
  whileOpen: 'either all bytes of the version that was opened are read, or `read` throws `UNAVAILABLE`',
  size: 'Bytes of the object, small or large, without reading it',
  sizeWhenOpen: 'Bytes of the whole object, whatever the range',
  nextBytes: 'The next bytes, or `undefined` at the end of the range',
  close: 'Lets go of all resources, also in the middle of the object',
  closeTwice: 'Closing twice is no error',

  // uploads
  partSize: '`1` means that parts of any length will do',
  partSizeSame: 'The answer depends on the offset alone, so that every process gives the same',
  invisible: 'It is not visible under `key` before `completeUpload` has succeeded',
  uploadPart: 'Adds the bytes that belong at `upload.offset` and returns the state to go on from',
  repeated: 'The call may be repeated with the same `upload` after a failure: the later bytes then count',
  callersChunks: "The chunks are the driver's until it has settled",
  goBack:
    'An upload may also go back to an earlier state of it: what was added after that state does not count',
  complete:
    'Adds the last bytes (none, if at least one part was uploaded) and makes the object visible, whole and durable',
  lastPart: 'only the bytes given to `completeUpload` may have any length',
  completeAgain: 'Completing what is complete already throws or changes nothing',
  forgotten: '`UPLOAD_UNKNOWN` when the backend has forgotten the upload',
  abort: 'its parts are forgotten, and it can be completed no more',
  abortHarmless: 'Aborting what is finished or gone is no error and harms nothing',
  // signed URLs
  signUrl:
    'A URL that gives the bytes of this object, whole or by range, to whoever GETs it without credentials',
  expires: 'until `expires` seconds have passed at most',
  opensNothingElse: 'it opens nothing else',

  // second keys
  link: 'Gives a large object a second key without copying a byte of it',
  linkApart: 'Either key can be deleted, and the object under the other stays',
  linkRefused:
    'there is nothing to give when nothing is under `from`, and an object that is under `to` already stays as it is',

  // many deletes at once
  deleteMany: 'Removes objects, small or large, whose keys are never used again, a thousand at most',
  deleteManyAbsent:
    'Gives those that may still be there, each with its reason; what is absent is none of them',

  // the state of an upload
  state: 'Whatever a driver needs to go on with an upload from any process: plain JSON',
} as const;
