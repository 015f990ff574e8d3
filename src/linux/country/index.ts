/** Country blocks on this machine: lists fetched and kept, sets and rules in the kernel. */
export { NoList } from './gather.ts'
export { entriesInForce, families, isAsked, removeAll } from './in-force.ts'
export { type CountryFile, checkCountryFile, readCountryFile, settingsOf } from './settings.ts'
export { CountryStore } from './store.ts'
export { type Answer, type Synced, sync, testAddress, WouldCutOff } from './sync.ts'
export { timerUnits } from './units.ts'
