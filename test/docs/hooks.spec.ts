import { createHooks } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { codeIn, tableOf } from './markdown.ts';

describe('docs/hooks.md', () => {
  it('lists the hooks there are, in their order, with their types', () => {
    const listed = tableOf('docs/hooks.md', 'Hook', 'tapable type').map(([hook, type]) => [
      codeIn(hook),
      codeIn(type),
    ]);
    const there = Object.entries(createHooks()).map(([name, hook]) => [name, hook.constructor.name]);
    expect(listed).to.deep.equal(there);
  });

  it('leaves no cell of the table empty', () => {
    const rows = tableOf('docs/hooks.md', 'Hook', 'tapable type');
    expect(rows.filter((cells) => cells.length !== 6 || cells.includes(''))).to.deep.equal([]);
  });
});
