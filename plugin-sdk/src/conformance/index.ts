/**
 * The conformance kit: what a plugin, and a storage driver in particular, has to do to be one. It brings no test runner
 * and no assertion library; hand it `describe` and `it` of yours.
 */
export { describePlugin } from './plugin.ts';
export type { ConfigurablePlugin, PluginExamples } from './plugin.ts';
export type { Backend, Runner } from './runner.ts';
export { describeStorageDriver } from './storage-driver.ts';
export type { StorageDriverSubject } from './storage-driver.ts';
