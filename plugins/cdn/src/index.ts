import { definePlugin, withMethods, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { CloudFront, type CloudFrontKey } from './cloud-front.ts';
import { Rewriting } from './rewriting.ts';

interface Options {
  readonly url: string;
  readonly cloudFront?: CloudFrontKey;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      format: 'uri',
      pattern: '^https?://[^?#]+$',
      description: 'Where the network is, with the path of what stands for the storage there.',
    },
    cloudFront: {
      type: 'object',
      additionalProperties: false,
      required: ['keyPairId', 'privateKey'],
      nullable: true,
      properties: {
        keyPairId: {
          type: 'string',
          minLength: 1,
          description: 'Id of a public key that the distribution trusts.',
        },
        privateKey: {
          type: 'string',
          minLength: 1,
          description: 'The private key in PEM form; take it from the environment, not from the file.',
        },
      },
      description:
        'Signs as Amazon CloudFront wants it. If absent, URLs that the storage signs are sent to the network as they are.',
    },
  },
};

/** Sends clients to a content delivery network for the bytes of blobs, instead of the bucket behind it. */
export default definePlugin<Options>({
  name: 'cdn',
  schema,
  setup({ name, hooks, options }) {
    const { url, cloudFront } = options;
    const network = cloudFront === undefined ? new Rewriting(url) : new CloudFront(url, cloudFront);
    hooks.wrapStorage.tap(name, (driver) => {
      const signUrl = network.signUrlFor(driver);
      return signUrl === undefined ? driver : withMethods(driver, { signUrl });
    });
  },
});
