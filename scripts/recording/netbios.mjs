// What Windows machines broadcast: a host announcement (udp 138) and a name query (udp 137).
// Read first: RFC 1002 sections 4.2 and 4.4; MS-BRWS 2.2.1.

/** RFC 1001 section 14.1: 15 characters and a suffix, each half byte a letter from A on. */
function encodeName(name, suffix) {
  const bytes = Buffer.from(`${name.padEnd(15)}${String.fromCharCode(suffix)}`, 'latin1')
  const letters = [...bytes].flatMap((byte) => [0x41 + (byte >> 4), 0x41 + (byte & 15)])
  return Buffer.from([32, ...letters, 0])
}

const u16 = (value) => Buffer.from([value >> 8, value & 255])
/** SMB counts in little endian. */
const le16 = (...values) => Buffer.concat(values.map((value) => Buffer.from([value & 255, value >> 8])))

/** `name` announces itself to its workgroup from `address`. */
export function hostAnnouncement(name, address, id) {
  const announcement = Buffer.concat([
    Buffer.from([1, 0]),
    Buffer.from([0xc0, 0xd4, 0x01, 0x00]),
    Buffer.from(name.padEnd(16, '\0'), 'latin1'),
    Buffer.from([5, 1, 0x03, 0x10, 0x01, 0x00, 15, 1, 0x55, 0xaa, 0]),
  ])
  const mailslot = Buffer.from('\\MAILSLOT\\BROWSE\0', 'latin1')
  const smb = Buffer.concat([
    Buffer.from('\xffSMB\x25', 'latin1'),
    Buffer.alloc(27),
    Buffer.from([17]),
    le16(
      0,
      announcement.length,
      0,
      0,
      0,
      0,
      1000,
      0,
      0,
      0,
      0,
      announcement.length,
      69 + mailslot.length,
      3,
      1,
      1,
      2,
    ),
    le16(mailslot.length + announcement.length),
    mailslot,
    announcement,
  ])
  const data = Buffer.concat([encodeName(name, 0), encodeName('WORKGROUP', 0x1d), smb])
  const source = Buffer.from(address.split('.').map(Number))
  return Buffer.concat([Buffer.from([0x11, 0x0a]), u16(id), source, u16(138), u16(data.length), u16(0), data])
}

/** Asks the network for `name`. */
export function nameQuery(name, id) {
  return Buffer.concat([
    u16(id),
    u16(0x0110),
    u16(1),
    u16(0),
    u16(0),
    u16(0),
    encodeName(name, 0x20),
    u16(0x20),
    u16(1),
  ])
}
