/** The order of `ipset list -sorted`: numbers by value, names by length and letters. Source: bystrcmp(), lib/session.c. */

/** `strtol` with base 16 at a place: the value, and where it ends; `end` is `at` where there is no number. */
function hexAt(text: string, at: number): { readonly value: number; readonly end: number } {
  number.lastIndex = at
  const [all = '', sign, digits = ''] = number.exec(text) ?? []
  if (digits === '') return { value: 0, end: at }
  const value = Number.parseInt(digits, 16)
  return { value: sign === '-' ? -value : value, end: at + all.length }
}

const number = /[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)/y

const lengthOfName = (text: string, at: number): number => {
  let end = at
  while (end < text.length && text[end] !== ':' && text[end] !== ',') end++
  return end - at
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Lines end in a line break. */
export function compareLines(a: string, b: string): number {
  let [atA, atB] = [0, 0]
  let sign = 1
  while (atA < a.length && atB < b.length) {
    const [numberA, numberB] = [hexAt(a, atA), hexAt(b, atB)]
    if (numberA.end === atA || numberB.end === atB) {
      const [lengthA, lengthB] = [lengthOfName(a, atA), lengthOfName(b, atB)]
      if (lengthA === 0 && lengthB === 0) return compareText(a.slice(atA), b.slice(atB))
      if (lengthA !== lengthB) return lengthA < lengthB ? -1 : 1
      const order = compareText(a.slice(atA, atA + lengthA), b.slice(atB, atB + lengthA))
      if (order !== 0) return order
      atA += lengthA + 1
      atB += lengthB + 1
      sign = 1
      continue
    }
    if (numberA.value !== numberB.value) return sign * (numberA.value - numberB.value)
    const [separatorA, separatorB] = [a[numberA.end], b[numberB.end]]
    if (separatorA === '/' || separatorB === '/') {
      if (separatorA !== separatorB) return separatorA === '/' ? 1 : -1
      sign = -1
    }
    atA = numberA.end + 1
    atB = numberB.end + 1
    if (a[atA] === ':' || b[atB] === ':') {
      if (a[atA] !== b[atB]) return a[atA] === ':' ? -1 : 1
      atA++
      atB++
    }
  }
  return atA < a.length ? 1 : atB < b.length ? -1 : 0
}
