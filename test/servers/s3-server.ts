/** A server on the loopback address that speaks S3. */
export interface S3Server {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Stops it and removes all that it stored. */
  stop(): Promise<void>;
}

/** Keys that every server of ours is made to know. */
export const credentials = { accessKeyId: 'entrepot', secretAccessKey: 'entrepot-secret' };
