/**
 * The auth port: who logs in has the address put into a recency list, which the rules ask.
 *
 * Two processes. The keeper has privilege and faces nobody: it puts an address into a configured list and takes it out
 * again. The door faces the network, has no privilege, and knows who may log in. What the firewall does with the list
 * stands in the rules, not here.
 */
export { type AuthportParts, startAuthport } from './authport.ts'
export { runDoorProcess } from './door-process.ts'
export {
  type AuthportSettings,
  defaultUsersFile,
  parseEndpoint,
  settleAuthport,
} from './settings.ts'
export { encodeBase32, otpauthUri } from './totp.ts'
export { hashPassword, isUserName, parseUsers, printUsers, type User, UsersFileError } from './users.ts'
