import type { AuditAction, AuditEvent, EventAction, RegistryEvent } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { readSource } from '../house/workspace.ts';
import { codeIn } from './markdown.ts';

/** Typed so that a member that joins the contract has to join these lists. */
const contentMembers: Readonly<Record<keyof Required<RegistryEvent>, 'member'>> = {
  id: 'member',
  action: 'member',
  time: 'member',
  repository: 'member',
  kind: 'member',
  target: 'member',
  tag: 'member',
  previousDigest: 'member',
  platforms: 'member',
  fromRepository: 'member',
  actor: 'member',
  address: 'member',
  userAgent: 'member',
  host: 'member',
  requestId: 'member',
  method: 'member',
};
const accessMembers: Readonly<Record<keyof Required<AuditEvent>, 'member'>> = {
  id: 'member',
  action: 'member',
  kind: 'member',
  time: 'member',
  outcome: 'member',
  actor: 'member',
  claimed: 'member',
  access: 'member',
  reason: 'member',
  address: 'member',
  requestId: 'member',
  method: 'member',
};
const contentActions: Readonly<Record<EventAction, 'action'>> = {
  push: 'action',
  pull: 'action',
  mount: 'action',
  delete: 'action',
  tag: 'action',
};
const accessActions: Readonly<Record<AuditAction, 'action'>> = {
  login: 'action',
  denial: 'action',
  key: 'action',
};

/** What stands in the first cells of the tables under a heading: of the first, actions, of the second, members. */
function namesUnder(heading: string): string[] {
  const [, section = ''] = readSource('docs/events.md').split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return [...own.matchAll(/^\| (`\w+`) \|/gm)].map(([, cell]) => codeIn(cell));
}

describe('docs/events.md', () => {
  it('lists the actions and the members of events of content', () => {
    expect(namesUnder('Content')).to.deep.equal([
      ...Object.keys(contentActions),
      ...Object.keys(contentMembers),
    ]);
  });

  it('lists the actions and the members of events of access', () => {
    expect(namesUnder('Access')).to.deep.equal([
      ...Object.keys(accessActions),
      ...Object.keys(accessMembers),
    ]);
  });
});
