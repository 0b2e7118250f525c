#!/usr/bin/env node
// Plain JavaScript that parses on every Node, so that an old one gets a sentence and not a SyntaxError.
import nodeModule from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `Entrepot needs Node.js 22.18 or newer, this is ${process.versions.node}. Run it with 'npx registry', which brings its own on Linux, or install Node.js 24.\n`,
  );
  process.exit(1);
}

// Writes that wait for the disk hold a thread each; reads must not queue behind them. Read before the pool begins.
process.env.UV_THREADPOOL_SIZE ??= '8';

nodeModule.enableCompileCache?.();

const source = new URL('../src/cli.ts', import.meta.url);
const inCheckout = !import.meta.url.includes('/node_modules/') && existsSync(fileURLToPath(source));
if (inCheckout) {
  // In a checkout the workspaces run un-built: their `@entrepot/source` exports name the TypeScript files.
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: ['@entrepot/source', ...context.conditions] }),
  });
}
const { main } = await import(inCheckout ? source.href : new URL('../dist/cli.js', import.meta.url).href);
await main(process.argv);
