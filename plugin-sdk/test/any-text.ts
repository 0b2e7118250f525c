import fc from 'fast-check';

/** Text of any UTF-16 code units, halves of pairs and controls included, with more of those that paths are made of. */
export const anyText = (maxLength = 30): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.oneof(
      fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
      fc.nat(0x7f).map((unit) => String.fromCharCode(unit)),
    ),
    maxLength,
  });
