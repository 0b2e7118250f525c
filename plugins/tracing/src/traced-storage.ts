import { lengthOf, withMethods, type SpanAttributes, type StorageDriver } from '@entrepot/plugin-sdk';

/** What runs a call inside of a span. */
export interface CallSpans {
  call<Result>(name: string, attributes: SpanAttributes, work: () => Promise<Result>): Promise<Result>;
}

/** A driver whose calls are spans of the request they belong to. Keys name repositories, tags and digests; bytes are counted, not shown. */
export function traceStorage(driver: StorageDriver, spans: CallSpans): StorageDriver {
  const call = <Result>(
    verb: string,
    attributes: SpanAttributes,
    work: () => Promise<Result>,
  ): Promise<Result> => spans.call(`storage ${verb}`, attributes, work);
  const deleteMany = driver.deleteMany?.bind(driver);
  const link = driver.link?.bind(driver);
  return withMethods(driver, {
    read: (key, known) => call('read', { key }, () => driver.read(key, known)),
    write: (key, bytes, options) =>
      call('write', { key, bytes: bytes.length }, () => driver.write(key, bytes, options)),
    delete: (key, options) => call('delete', { key }, () => driver.delete(key, options)),
    list: (prefix, options) =>
      call('list', { key: prefix, limit: options.limit }, () => driver.list(prefix, options)),
    open: (key, range) =>
      call('open', { key, ...(range && { start: range.start, end: range.end }) }, () =>
        driver.open(key, range),
      ),
    size: (key) => call('size', { key }, () => driver.size(key)),
    createUpload: (key) => call('createUpload', { key }, () => driver.createUpload(key)),
    uploadPart: (upload, part) =>
      call('uploadPart', { key: upload.key, offset: upload.offset, bytes: lengthOf(part) }, () =>
        driver.uploadPart(upload, part),
      ),
    completeUpload: (upload, lastPart) =>
      call('completeUpload', { key: upload.key, offset: upload.offset, bytes: lengthOf(lastPart) }, () =>
        driver.completeUpload(upload, lastPart),
      ),
    abortUpload: (upload) => call('abortUpload', { key: upload.key }, () => driver.abortUpload(upload)),
    ...(deleteMany && {
      deleteMany: (keys) => call('deleteMany', { keys: keys.length }, () => deleteMany(keys)),
    }),
    ...(link && { link: (from, to) => call('link', { key: from, to }, () => link(from, to)) }),
  });
}
