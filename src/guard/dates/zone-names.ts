/**
 * Abbreviations of time zones with fixed offsets, as fail2ban takes them: no summer time is worked out, and of an
 * abbreviation with several meanings one is chosen.
 *
 * Military letters are RFC 822's as corrected by RFC 1123; the choice among the others is what fail2ban 1.0.2 does.
 */

/** Hours east of UTC, then the abbreviations that stand for them. */
const table: readonly (readonly [number, string])[] = [
  [-12, 'Y'],
  [-11, 'X NUT SST'],
  [-10, 'W CKT HAST HST TAHT TKT'],
  [-9.5, 'MART MIT'],
  [-9, 'V AKST GAMT GIT HADT HNY'],
  [-8, 'U AKDT CIST HAY HNP PST PT'],
  [-7, 'T HAP HNR MST PDT'],
  [-6, 'S CST EAST GALT HAR HNC MDT'],
  [-5, 'R CDT COT EASST ECT EST ET HAC HNE PET'],
  [-4.5, 'HLV VET'],
  [-4, 'Q AST BOT CLT COST EDT FKT GYT HAE HNA PYT'],
  [-3.5, 'HNT NST NT'],
  [-3, 'P ADT ART BRT CLST FKST GFT HAA PMST PYST SRT UYT WGT'],
  [-2.5, 'HAT NDT'],
  [-2, 'O BRST FNT PMDT UYST WGST'],
  [-1, 'N AZOT CVT EGT'],
  [0, 'Z EGST GMT UTC WET WT'],
  [1, 'A CET DFT WAT WEDT WEST'],
  [2, 'B CAT CEDT CEST EET SAST WAST'],
  [3, 'C EAT EEDT EEST IDT MSK'],
  [3.5, 'IRST'],
  [4, 'D AMT AZT GET GST KUYT MSD MUT RET SAMT SCT'],
  [4.5, 'AFT IRDT'],
  [5, 'E AMST AQTT AZST HMT MAWT MVT PKT TFT TJT TMT UZT YEKT'],
  [5.5, 'SLT'],
  [5.75, 'NPT'],
  [6, 'F ALMT BIOT BTT IOT KGT NOVT OMST YEKST'],
  [6.5, 'CCT MMT'],
  [7, 'G CXT DAVT HOVT ICT KRAT NOVST OMSST THA WIB'],
  [8, 'H ACT AWST BDT BNT CAST HKT IRKT KRAST MYT PHT SGT ULAT WITA WST'],
  [9, 'I AWDT IRKST JST KST PWT TLT WDT WIT YAKT'],
  [9.5, 'ACST'],
  [10, 'K AEST ChST PGT VLAT YAKST YAPT'],
  [10.5, 'ACDT LHST'],
  [11, 'L AEDT LHDT MAGT NCT PONT SBT VLAST VUT'],
  [11.5, 'NFT'],
  [12, 'M ANAST ANAT FJT GILT MAGST MHT NZST PETST PETT TVT WFT'],
  [13, 'FJST NZDT'],
]

const minutesOf = new Map(
  table.flatMap(([hours, names]) => names.split(' ').map((name) => [name, hours * 60] as const)),
)

/** The form of a zone's abbreviation: one letter, or three to five. */
export const zoneName = '[A-Z](?:[A-Z]{2,4})?'

const fixedOffset = new RegExp(`^(${zoneName})?(?:([+-])([01]\\d)(?::?(\\d{2}))?)?$`)

/** Minutes east of UTC of `UTC`, `+0200`, `-03:30`, `CET`, `UTC+01`, or null where it is none of these. */
export function zoneMinutes(text: string): number | null {
  const found = fixedOffset.exec(text)
  if (found === null) return null
  const [, name, sign, hours, minutes] = found
  const base = name === undefined ? 0 : minutesOf.get(name)
  if (base === undefined) return null
  const offset = Number(hours ?? 0) * 60 + Number(minutes ?? 0)
  return sign === '-' ? base - offset : base + offset
}
