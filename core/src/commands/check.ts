import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { createRegistry } from '../registry.ts';
import { Tls } from '../tls/tls.ts';

export interface CheckFlags {
  readonly config?: string;
}

/**
 * `registry check`: reads the configuration and sets the plugins up, as a start would, but starts nothing: no port, no
 * network, no storage is touched. Of files, it reads those of the certificate. Prints what it has found.
 * @throws what a start would throw.
 */
export async function check({ config: given }: CheckFlags): Promise<void> {
  const { file, config } = await loadConfig(given === undefined ? {} : { file: given });
  const log = await createLog(config.log, process.stderr);
  const { storage, plugins } = await createRegistry(config, { log });
  const { tls } = config.http;
  const certificate = tls === undefined ? undefined : await new Tls(tls, log).read();
  const lines = [
    `${file} is good`,
    `  listens on  ${config.http.host}, port ${config.http.port}`,
    ...(certificate === undefined
      ? []
      : [`  TLS         ${certificate.names}, until ${certificate.validTo.toISOString()}`]),
    `  storage     ${storage}`,
    `  plugins     ${plugins.join(', ')}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
