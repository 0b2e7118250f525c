import type { ContentChange } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { Policy, type PolicyOptions } from '../src/policy.ts';

const one = `sha256:${'1'.repeat(64)}`;
const two = `sha256:${'2'.repeat(64)}`;

/** What is said against it; undefined when nothing is. */
function refusal(options: Partial<PolicyOptions>, change: Partial<ContentChange>): string | undefined {
  const policy = new Policy({ immutable: [], protected: [], ...options });
  try {
    policy.check({
      action: 'set',
      kind: 'tag',
      repository: 'prod/app',
      digest: two,
      identity: undefined,
      ...change,
    });
    return undefined;
  } catch (error) {
    expect(error).to.include({ code: 'DENIED', status: 403 });
    return error instanceof Error ? error.message : '';
  }
}

describe('A rule of immutable tags', () => {
  const immutable = [{ repositories: ['prod/**'], tags: ['v*', 'r1'], except: ['v-next', 'v0.*'] }];
  const move = { tag: 'v1', previousDigest: one };

  it('refuses that a tag moves, and says which rule, what it points at and what to do', () => {
    expect(refusal({ immutable }, move)).to.equal(
      `the tag 'v1' of prod/app is immutable by immutable rule 1, and points at ${one}; push what has changed under another tag`,
    );
    expect(
      refusal({ immutable: [{ tags: ['x'] }, { tags: ['*'], reason: 'releases are made once' }] }, move),
    ).to.match(/immutable rule 2.*: releases are made once$/);
  });

  it('allows a new tag, and the same digest again', () => {
    expect(refusal({ immutable }, { tag: 'v1' })).to.equal(undefined);
    expect(refusal({ immutable }, { tag: 'v1', previousDigest: two })).to.equal(undefined);
  });

  it('is about its tags and repositories alone, without its exceptions', () => {
    for (const tag of ['v-next', 'v0.1', 'latest', 'r12', 'xv1'])
      expect(refusal({ immutable }, { ...move, tag }), tag).to.equal(undefined);
    expect(refusal({ immutable }, { ...move, tag: 'r1' })).to.not.equal(undefined);
    for (const repository of ['app', 'prod', 'production/app', 'a/prod/app'])
      expect(refusal({ immutable }, { ...move, repository }), repository).to.equal(undefined);
    expect(refusal({ immutable: [{ tags: ['v*'] }] }, { ...move, repository: 'any/where' })).to.not.equal(
      undefined,
    );
  });

  it('refuses that the tag is deleted, unless it may be', () => {
    const deletion = { action: 'delete', kind: 'tag', tag: 'v1', digest: one } as const;
    expect(refusal({ immutable }, deletion)).to.match(/may not be deleted/);
    expect(refusal({ immutable: [{ tags: ['*'], mayBeDeleted: true }] }, deletion)).to.equal(undefined);
  });

  it('has nothing to say of manifests and blobs', () => {
    for (const kind of ['manifest', 'blob'] as const)
      expect(refusal({ immutable: [{ tags: ['*'] }] }, { action: 'delete', kind })).to.equal(undefined);
  });
});

describe('A rule of protected repositories', () => {
  const rules = { protected: [{ repositories: ['prod/**'], reason: 'ask the platform team' }] };

  it('refuses that a tag moves, and that anything is deleted', () => {
    expect(refusal(rules, { tag: 'v1', previousDigest: one })).to.equal(
      `prod/app is protected by protected rule 1, and the tag 'v1' may not be moved away from ${one}: ask the platform team`,
    );
    for (const kind of ['manifest', 'blob'] as const)
      expect(refusal(rules, { action: 'delete', kind })).to.match(
        new RegExp(`the ${kind} ${two} may not be deleted`),
      );
    expect(refusal(rules, { action: 'delete', kind: 'tag', tag: 'v1' })).to.match(
      /the tag 'v1' may not be deleted/,
    );
  });

  it('allows new tags, the same digest again, and other repositories', () => {
    expect(refusal(rules, { tag: 'v1' })).to.equal(undefined);
    expect(refusal(rules, { tag: 'v1', previousDigest: two })).to.equal(undefined);
    expect(refusal(rules, { action: 'delete', kind: 'manifest', repository: 'dev/app' })).to.equal(undefined);
  });
});
