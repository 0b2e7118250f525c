import { expect } from 'chai';
import { exportsOf, publicApi, publicApiFile } from './public-api.ts';
import { readSource } from './workspace.ts';

describe('the public API', () => {
  it(`is what ${publicApiFile} says (npm run api writes it anew)`, () => {
    expect(publicApi()).to.equal(readSource(publicApiFile));
  });

  it('is read from every form of export', () => {
    const text = `
      export { createRegistry, type Registry } from './registry.ts';
      export type { Descriptor as BlobDescriptor } from './manifest.ts';
      export const apiVersion = 1, limit = 2;
      export function open(): void {}
      export class Driver {}
      export interface Options { readonly root: string }
      export default open;
      const hidden = 1;`;
    expect(exportsOf(text)).to.deep.equal([
      'apiVersion',
      'type BlobDescriptor',
      'createRegistry',
      'default',
      'Driver',
      'limit',
      'open',
      'type Options',
      'type Registry',
    ]);
  });

  it('differs as soon as one name more, or less, is exported', () => {
    const before = exportsOf("export { createRegistry } from './registry.ts';");
    expect(exportsOf("export { createRegistry, loadConfig } from './registry.ts';")).to.not.deep.equal(
      before,
    );
    expect(exportsOf('')).to.not.deep.equal(before);
  });

  it('has no `export *`, which makes public whatever comes along', () => {
    expect(() => exportsOf("export * from './registry.ts';")).to.throw('export *');
    expect(() => exportsOf("export * as store from './store.ts';")).to.throw('export *');
  });
});
