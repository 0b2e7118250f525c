import { expect } from 'chai';
import { parseChallenges } from '../../core/src/copy/challenge.ts';
import { fits, parsePlace } from '../../core/src/copy/place.ts';

describe('what a copy is told', () => {
  it('names a registry, and what of it', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const nothing = { repository: '', tag: undefined, digest: undefined };
    for (const [text, place] of Object.entries({
      'registry.example.com': {
        ...nothing,
        host: 'registry.example.com',
        url: 'https://registry.example.com',
      },
      'localhost:5000': { ...nothing, host: 'localhost:5000', url: 'http://localhost:5000' },
      '[::1]:5000/app': { ...nothing, host: '[::1]:5000', url: 'http://[::1]:5000', repository: 'app' },
      'https://127.0.0.1:5000/app': {
        ...nothing,
        host: '127.0.0.1:5000',
        url: 'https://127.0.0.1:5000',
        repository: 'app',
      },
      'http://r.example/team/app:v1': {
        ...nothing,
        host: 'r.example',
        url: 'http://r.example',
        repository: 'team/app',
        tag: 'v1',
      },
      'r.example/team/*:v*': {
        ...nothing,
        host: 'r.example',
        url: 'https://r.example',
        repository: 'team/*',
        tag: 'v*',
      },
      [`r.example/app@${digest}`]: {
        ...nothing,
        host: 'r.example',
        url: 'https://r.example',
        repository: 'app',
        digest,
      },
      'docker.io/alpine:3': {
        ...nothing,
        host: 'docker.io',
        url: 'https://registry-1.docker.io',
        repository: 'library/alpine',
        tag: '3',
      },
    }))
      expect(parsePlace(text), text).to.deep.equal(place);
    for (const text of [
      '',
      'r.example/app:',
      'r.example/app/',
      'r.example/a b',
      'r.example/app@x',
      'ftp://r.example',
      'r.exa mple',
    ])
      expect(() => parsePlace(text), text).to.throw(Error, 'is to be HOST');
  });

  it('has patterns in which a star stands for any text, and nothing else for anything', () => {
    expect(
      ['team/app', 'team/a/b', 'team', 'teams/app'].filter((name) => fits('team/*', name)),
    ).to.deep.equal(['team/app', 'team/a/b']);
    expect(['v1.2', 'v1x2', 'v1.2.3'].filter((name) => fits('v1.2', name))).to.deep.equal(['v1.2']);
    expect(fits('*-rc*', '1.0-rc.1')).to.equal(true);
  });
});

describe('challenges', () => {
  it('are read with all their parameters', () => {
    const header =
      'Bearer realm="https://auth.example/token?a=1,2",service="registry \\"x\\"", scope="repository:a/b:pull,push", Basic realm="r"';
    expect(
      parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
    ).to.deep.equal([
      [
        'bearer',
        {
          realm: 'https://auth.example/token?a=1,2',
          service: 'registry "x"',
          scope: 'repository:a/b:pull,push',
        },
      ],
      ['basic', { realm: 'r' }],
    ]);
    expect(parseChallenges('Negotiate, Basic realm=r').map(({ scheme }) => scheme)).to.deep.equal([
      'negotiate',
      'basic',
    ]);
    expect(parseChallenges('')).to.deep.equal([]);
    expect(parseChallenges('"nothing"')).to.deep.equal([]);
  });
});
