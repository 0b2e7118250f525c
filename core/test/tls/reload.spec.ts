import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import type { CertificateSource, Plugin, ServerCertificate } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createCa, issueCertificate } from '../../../test/servers/certificates.ts';
import { createRegistry } from '../../src/registry.ts';
import { keepLog } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';

const ca = createCa('Test CA');

/** A plugin that gives a certificate of this name at once, and later ones when it is told to. */
function giving(CN: string): { readonly plugin: Plugin; readonly show: (name: string) => void } {
  let use: ((certificate: ServerCertificate) => void) | undefined;
  const issue = (name: string) =>
    issueCertificate({ subject: { CN: name }, names: ['IP:127.0.0.1'], issuer: ca });
  const source: CertificateSource = {
    follow(take) {
      use = take;
      take(issue(CN));
    },
    answer: async () => undefined,
  };
  return {
    plugin: plugin('certificates', ({ name, hooks }) => hooks.certificate.tap(name, () => source)),
    show: (name) => use?.(issue(name)),
  };
}

describe('The certificate of a registry that reloads its configuration', () => {
  it('is from then on what the plugin of the new configuration gives, and no more of the old one', async () => {
    const kept = await keepLog();
    const [before, after] = [giving('before'), giving('after')];
    const configured = (given: Plugin) => ({ http: { port: 0, tls: {} }, plugins: [storageMemory(), given] });
    const registry = await createRegistry(configured(before.plugin), { log: kept.log });
    const { port } = await registry.start();
    const shownNow = async (): Promise<unknown> => {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    const times = (): number => kept.lines.filter(({ msg }) => msg === 'a certificate is shown').length;
    const untilShown = async (count: number): Promise<void> => {
      while (times() < count) await new Promise(setImmediate);
    };
    try {
      await untilShown(1);
      expect(await shownNow()).to.equal('before');
      await registry.reload(configured(after.plugin));
      await untilShown(2);
      expect(await shownNow()).to.equal('after');
      before.show('too late');
      after.show('later');
      await untilShown(3);
      expect(await shownNow()).to.equal('later');
    } finally {
      await registry.stop();
    }
  });
});
