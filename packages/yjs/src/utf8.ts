/** How many bytes a text takes in UTF-8; half of a pair counts as what it becomes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    bytes += 1
    if (unit < 0x800) continue
    const isPair = unit >= 0xd800 && unit <= 0xdbff && isSecondHalf(text.charCodeAt(i + 1))
    // The four bytes of a pair are two for each half.
    if (isPair) i += 1
    bytes += 1
  }
  return bytes
}

function isSecondHalf(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}
