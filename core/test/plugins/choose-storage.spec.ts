import { expect } from 'chai';
import { createHooks, type Hooks, type StorageDriver } from '@entrepot/plugin-sdk';
import { MemoryDriver, Memory } from '@entrepot/storage-memory';
import { chooseStorage } from '../../src/plugins/choose-storage.ts';

describe('The storage of a registry', () => {
  let hooks: Hooks;
  const driver: StorageDriver = new MemoryDriver(new Memory(1024));
  beforeEach(() => {
    hooks = createHooks();
  });

  it('comes from the one plugin that gives it', () => {
    hooks.storage.tap('storage-memory', () => driver);
    expect(chooseStorage(hooks)).to.deep.equal({ plugin: 'storage-memory', driver });
  });

  it('is wrapped in the order of the taps, each once', () => {
    const wrapped: StorageDriver[] = [];
    const wrap = (inner: StorageDriver): StorageDriver => {
      wrapped.push(inner);
      return new Proxy(inner, {});
    };
    hooks.storage.tap('storage-memory', () => driver);
    hooks.wrapStorage.tap('metrics', wrap);
    hooks.wrapStorage.tap('faults', wrap);
    const chosen = chooseStorage(hooks).driver;
    expect(wrapped[0]).to.equal(driver);
    expect(wrapped).to.have.lengthOf(2);
    expect([driver, wrapped[1]]).to.not.include(chosen);
  });

  it('is missed when no plugin gives it, with a way to get one', () => {
    expect(() => chooseStorage(hooks)).to.throw(
      /no plugin gives a storage; add one to plugins, such as storageFilesystem/,
    );
  });

  it('is refused when two plugins give it, naming both', () => {
    hooks.storage.tap('storage-memory', () => driver);
    hooks.storage.tap('storage-s3', () => driver);
    expect(() => chooseStorage(hooks)).to.throw(
      'more than one plugin gives a storage: storage-memory, storage-s3; keep one',
    );
  });

  it('is refused when it lacks a method, naming the plugin and the method', () => {
    const half = new Proxy(driver, {
      get: (target, name): unknown => (name === 'uploadPart' ? undefined : Reflect.get(target, name)),
    });
    hooks.storage.tap('storage-half', () => half);
    expect(() => chooseStorage(hooks)).to.throw(
      'plugin storage-half gives no storage driver: uploadPart missing',
    );
  });

  it('is refused when a wrapper gives something else', () => {
    hooks.storage.tap('storage-memory', () => driver);
    hooks.wrapStorage.tap('metrics', () => new Proxy(driver, { get: () => undefined }));
    expect(() => chooseStorage(hooks)).to.throw('a tap of wrapStorage gives no storage driver');
  });
});
