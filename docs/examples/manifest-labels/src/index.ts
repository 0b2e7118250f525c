import {
  definePlugin,
  RegistryError,
  type JSONSchemaType,
  type ManifestSubmission,
} from '@entrepot/plugin-sdk';

interface Options {
  readonly required: readonly string[];
  readonly recommended: readonly string[];
}

const names = { type: 'array', items: { type: 'string', minLength: 1 }, default: [] } as const;
const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['required', 'recommended'],
  properties: {
    required: { ...names, description: 'Labels without which an image is refused.' },
    recommended: { ...names, description: 'Labels without which the client is shown a warning.' },
  },
};

/** Media types of the configuration of an image; only images are looked at, not indexes, charts or signatures. */
const imageConfigs = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

/** Wants images to say what they are: in annotations of the manifest, or in labels of the configuration. */
export default definePlugin<Options, Partial<Options>>({
  name: 'manifest-labels',
  schema,
  setup({ name, hooks, options }) {
    hooks.validateManifest.tapPromise(name, async (submission) => {
      const config = submission.blobs.find(({ mediaType }) => imageConfigs.includes(mediaType));
      if (config === undefined) return;
      const present = new Set([
        ...Object.keys(recordOf(submission.json['annotations'])),
        ...(await labelsOf(submission, config.digest)),
      ]);
      const missing = options.required.filter((label) => !present.has(label));
      if (missing.length > 0) {
        throw new RegistryError('DENIED', `the image lacks ${missing.join(', ')}`, { details: missing });
      }
      for (const label of options.recommended) {
        if (!present.has(label)) submission.warn(`the image has no ${label}`);
      }
    });
  },
});

/** The names of the labels that `docker build --label` puts into an image. */
async function labelsOf(submission: ManifestSubmission, digest: string): Promise<readonly string[]> {
  const bytes = await submission.readBlob(digest);
  // An absent configuration is not for us to complain of: the registry refuses the manifest by itself.
  const image: unknown = bytes === undefined ? undefined : parse(bytes);
  return Object.keys(recordOf(recordOf(recordOf(image)['config'])['Labels']));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new RegistryError('MANIFEST_INVALID', 'the configuration of the image is no JSON', { cause });
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
