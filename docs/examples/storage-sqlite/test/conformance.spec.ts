import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageSqlite, { SqliteDriver } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'storage-sqlite-'));
after(() => rmSync(folder, { recursive: true }));

describePlugin({ describe, it }, storageSqlite, {
  valid: { file: join(folder, 'plugin.sqlite') },
  invalid: { file: '' },
});

let backends = 0;
describeStorageDriver(
  { describe, it },
  {
    name: 'sqlite',
    async create() {
      const file = join(folder, `${(backends += 1)}.sqlite`);
      const drivers: SqliteDriver[] = [];
      const open = async (): Promise<SqliteDriver> => {
        const driver = new SqliteDriver(file);
        drivers.push(driver);
        await driver.start();
        return driver;
      };
      return {
        driver: await open(),
        reopen: open,
        async destroy() {
          for (const driver of drivers) await driver.stop();
        },
      };
    },
  },
);
