import type { Hooks, StorageDriver } from '@entrepot/plugin-sdk';

/** Typed so that a method that joins the contract has to join this list. */
const contract: Readonly<Record<keyof StorageDriver, 'method' | 'optional'>> = {
  partSize: 'method',
  read: 'method',
  write: 'method',
  delete: 'method',
  list: 'method',
  open: 'method',
  size: 'method',
  createUpload: 'method',
  uploadPart: 'method',
  completeUpload: 'method',
  abortUpload: 'method',
  signUrl: 'optional',
  link: 'optional',
  deleteMany: 'optional',
};

export interface ChosenStorage {
  /** The plugin that gives the driver. */
  readonly plugin: string;
  /** With everything that `wrapStorage` taps have put around it. */
  readonly driver: StorageDriver;
}

/**
 * Gets the storage driver from the one plugin that has to give it.
 * @throws Error when none or several do, or when what they give is no driver.
 */
export function chooseStorage({
  storage,
  wrapStorage,
}: Pick<Hooks, 'storage' | 'wrapStorage'>): ChosenStorage {
  const [first, ...others] = storage.taps.map(({ name }) => name);
  if (first === undefined) {
    throw new Error(
      `no plugin gives a storage; add one to plugins, such as storageFilesystem({ root: './.registry' }) of @entrepot/storage-filesystem`,
    );
  }
  if (others.length > 0) {
    throw new Error(
      `more than one plugin gives a storage: ${[first, ...others].join(', ')}; keep one of them in plugins`,
    );
  }
  const driver = requireDriver(storage.call(), `plugin ${first}`);
  return { plugin: first, driver: requireDriver(wrapStorage.call(driver), 'a tap of wrapStorage') };
}

/** Plugins may be plain JavaScript: what has a hole is refused now, not at the first push. */
function requireDriver(driver: StorageDriver | undefined, giver: string): StorageDriver {
  const missing = Object.entries(contract).flatMap(([name, presence]) => {
    const member: unknown = Reflect.get(driver ?? {}, name);
    const fits = typeof member === 'function' || (presence === 'optional' && member === undefined);
    return fits ? [] : [name];
  });
  if (driver === undefined || missing.length > 0) {
    throw new Error(`${giver} gives no storage driver: ${missing.join(', ')} missing`);
  }
  return driver;
}
