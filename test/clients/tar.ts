const block = 512;

/** A tar archive (ustar) of regular files, the same bytes each time. */
export function tar(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(files).flatMap(([name, content]) => [
    header(name, content.byteLength),
    content,
    new Uint8Array((block - (content.byteLength % block)) % block),
  ]);
  return Buffer.concat([...entries, new Uint8Array(2 * block)]);
}

function header(name: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0') + '\0';
  bytes.write(name, 0);
  bytes.write(octal(0o644, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(0, 12), 136);
  bytes.write('        ', 148);
  bytes.write('0', 156);
  bytes.write('ustar\u000000', 257, 'latin1');
  const checksum = bytes.reduce((sum, byte) => sum + byte, 0);
  bytes.write(octal(checksum, 7) + ' ', 148);
  return bytes;
}
