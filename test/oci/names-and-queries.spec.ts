import { expect } from 'chai';
import { expectError, namesOf } from './answers.ts';
import { bareManifest, digestOf } from './content.ts';
import { beginUpload, expectStatus, pushBlob, pushImage, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

const digest = digestOf('');

onEachStorage('A name', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve();
  });

  describe('of a repository', () => {
    const names = [
      'a',
      '0',
      'a/b/c/d/e/f/g/h',
      'a.b_c__d-e---f',
      'x/blobs',
      'x/tags/list',
      'x/tags',
      'x/manifests/y',
      'x/manifests',
      'x/referrers',
      'blobs/uploads',
      'uploads',
      'blobs',
      'tags/list',
      'manifests',
      'v2',
      'v2/v2',
      'constructor',
      'x/constructor/prototype',
      'livez',
      'con/nul',
      'a'.repeat(255),
      `${'a/'.repeat(127)}a`,
    ];
    for (const name of names) {
      it(`may be ${name.length > 40 ? `${name.slice(0, 20)}… of ${name.length} letters` : name}`, async () => {
        const { manifest, layer } = await pushImage(registry, name, 'list');
        const upload = await beginUpload(registry, name);
        expectStatus(await registry.patch(upload, { body: 'hello' }), 202);
        expectStatus(await registry.put(`${upload}?digest=${digestOf('hello')}`), 201);
        for (const [path, status] of [
          [`manifests/list`, 200],
          [`manifests/${manifest.digest}`, 200],
          [`blobs/${layer.digest}`, 200],
          [`blobs/${digestOf('hello')}`, 200],
          [`referrers/${manifest.digest}`, 200],
        ] as const) {
          expectStatus(await registry.get(`/v2/${name}/${path}`), status);
        }
        expect(namesOf(await registry.get(`/v2/${name}/tags/list`), 'tags')).to.deep.equal(['list']);
        expect(namesOf(await registry.get('/v2/_catalog'), 'repositories')).to.include(name);
        expectStatus(await registry.delete(`/v2/${name}/manifests/list`), 202);
      });
    }

    it('may have its slashes and letters escaped', async () => {
      await pushManifest(registry, 'library/escaped', bareManifest('escaped'), 'v1');
      for (const name of ['library%2Fescaped', 'library%2fescaped', '%6cibrary/escaped']) {
        expectStatus(await registry.get(`/v2/${name}/manifests/v1`), 200);
        expectStatus(await registry.get(`/v2/${name}/manifests/%76%31`), 200);
        expectStatus(await registry.get(`/v2/${name}%2Fmanifests%2Fv1`), 200);
      }
    });

    const invalid = [
      'A',
      'Library/app',
      'a/B',
      '-a',
      'a-',
      '.a',
      'a.',
      '_a',
      'a_',
      'a..b',
      'a___b',
      'a._b',
      'a//b',
      '/a',
      'a/-b',
      'a/../b',
      '..',
      '../../etc',
      '.',
      'a b',
      'a+b',
      'a~b',
      'a:b',
      'a@b',
      'é',
      'a\\b',
      '__proto__',
      'a\u0000b',
      'a\nb',
      'a'.repeat(256),
      `${'a/'.repeat(128)}a`,
      '%41',
      '%2e%2e',
    ];
    for (const name of invalid) {
      const shown =
        name.length > 40 ? `${name.slice(0, 20)}… of ${name.length} letters` : JSON.stringify(name);
      it(`may not be ${shown}`, async () => {
        const escaped = name.startsWith('%') ? name : encodeURI(name);
        const manifest = bareManifest('x');
        for (const answer of [
          await registry.get(`/v2/${escaped}/tags/list`),
          await registry.get(`/v2/${escaped}/manifests/v1`),
          await registry.get(`/v2/${escaped}/blobs/${digest}`),
          await registry.get(`/v2/${escaped}/referrers/${digest}`),
          await registry.post(`/v2/${escaped}/blobs/uploads/`),
          await putManifest(registry, escaped, 'v1', manifest),
          await registry.delete(`/v2/${escaped}/manifests/v1`),
        ]) {
          expectError(answer, 400, 'NAME_INVALID');
        }
      });
    }

    it('may not be empty', async () => {
      for (const path of ['/v2/tags/list', '/v2//tags/list', '/v2/manifests/v1', `/v2/blobs/${digest}`]) {
        expectError(await registry.get(path), 400, 'NAME_INVALID');
      }
    });
  });

  describe('of a tag', () => {
    for (const tag of [
      'a',
      '_',
      '0',
      'A.b_c-d',
      '__proto__',
      'constructor',
      'list',
      'uploads',
      'x'.repeat(128),
    ]) {
      it(`may be ${tag.slice(0, 20)}`, async () => {
        const name = registry.newRepository();
        const manifest = await pushManifest(registry, name, bareManifest(tag), tag);
        const answer = expectStatus(await registry.get(`/v2/${name}/manifests/${tag}`), 200);
        expect(answer.headers['docker-content-digest']).to.equal(manifest.digest);
        expect(namesOf(await registry.get(`/v2/${name}/tags/list`), 'tags')).to.deep.equal([tag]);
      });
    }
  });

  describe('with escapes that are broken', () => {
    it('is refused, wherever it stands', async () => {
      const broken = ['%', '%2', '%zz', '%C3', '%C3%28', '%E0%A4%A', '%ff', '%u0041', 'a%'];
      for (const escape of broken) {
        expectError(await registry.get(`/v2/${escape}/tags/list`), 400, 'NAME_INVALID');
        expectError(await registry.get(`/v2/a/manifests/${escape}`), 400, 'NAME_INVALID');
        expectError(await registry.get(`/v2/a/blobs/${escape}`), 400, 'NAME_INVALID');
        expectError(await registry.get(`/v2/${escape}`), 400, 'NAME_INVALID');
        for (const query of [`n=${escape}`, `last=${escape}`, `${escape}=1`]) {
          expectError(await registry.get(`/v2/a/tags/list?${query}`), 400, 'UNSUPPORTED');
          expectError(await registry.get(`/v2/_catalog?${query}`), 400, 'UNSUPPORTED');
        }
        expectError(await registry.post(`/v2/a/blobs/uploads/?mount=${escape}`), 400, 'UNSUPPORTED');
      }
    });

    it('is decoded once: what looks like an escape then is none', async () => {
      expectError(await registry.get('/v2/%2561/tags/list'), 400, 'NAME_INVALID');
      expectError(await registry.get('/v2/a/manifests/%252e'), 404, 'MANIFEST_UNKNOWN');
    });
  });
});

onEachStorage('A query', (serve) => {
  let registry: ServedRegistry;
  const name = 'library/queried';
  before(async () => {
    registry = await serve();
    await pushImage(registry, name, 'v1');
  });

  it('with parameters nobody knows is answered as if it had none', async () => {
    const odd = '?ns=docker.io&a&=&&b=c=d&__proto__=1&constructor[prototype]=2&%20=%20';
    for (const path of ['/v2/', '/v2/_catalog', `/v2/${name}/tags/list`, `/v2/${name}/manifests/v1`]) {
      const [plain, queried] = [await registry.get(path), await registry.get(path + odd)];
      expectStatus(queried, 200);
      expect(queried.body.equals(plain.body)).to.equal(true);
    }
  });

  it('with a parameter that may be given once and is given twice is refused, never a failure', async () => {
    const upload = await beginUpload(registry, name);
    const twice = (parameter: string): string => `${parameter}=a&${parameter}=b`;
    for (const answer of [
      await registry.get(`/v2/${name}/tags/list?${twice('n')}`),
      await registry.get(`/v2/${name}/tags/list?${twice('last')}`),
      await registry.get(`/v2/_catalog?${twice('n')}`),
      await registry.get(`/v2/${name}/referrers/${digest}?${twice('artifactType')}`),
      await registry.post(`/v2/${name}/blobs/uploads/?${twice('mount')}`),
      await registry.post(`/v2/${name}/blobs/uploads/?${twice('digest')}`),
      await registry.post(`/v2/${name}/blobs/uploads/?${twice('digest-algorithm')}`),
      await registry.put(`${upload}?${twice('digest')}`),
    ]) {
      expectError(answer, 400, 'UNSUPPORTED');
    }
  });

  it('with brackets is not read as a list or an object', async () => {
    const upload = await beginUpload(registry, name);
    for (const query of ['digest[]=x', 'digest[a]=x', 'digest%5B%5D=x']) {
      expectError(await registry.put(`${upload}?${query}`), 400, 'DIGEST_INVALID');
      expectStatus(await registry.post(`/v2/${name}/blobs/uploads/?${query}`), 202);
    }
  });

  it('with very many parameters is answered', async () => {
    const many = Array.from({ length: 2000 }, (_, index) => `p${index}`).join('&');
    expectStatus(await registry.get(`/v2/${name}/tags/list?${many}&n=1`), 200);
  });

  it('may begin with nothing', async () => {
    expectStatus(await registry.get(`/v2/${name}/tags/list?`), 200);
    const { bytes } = await pushBlob(registry, name, 'x');
    expectStatus(await registry.post(`/v2/${name}/blobs/uploads/?`, { body: bytes }), 202);
  });
});
