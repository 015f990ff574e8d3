/** Country blocks on this machine: lists fetched and kept, sets and rules in the kernel. */
export { NoList } from './gather.ts'
export { entriesInForce, families, isAsked, recipeFor, removeAll, requireTools } from './in-force.ts'
export {
  type CountryFile,
  type CountrySettings,
  checkCountryFile,
  countryShape,
  readCountryFile,
  settingsOf,
  timeShape,
} from './settings.ts'
export { type CountryStatus, CountryStore } from './store.ts'
export { type Answer, listsOf, type Synced, sync, testAddress, WouldCutOff } from './sync.ts'
export { timerUnits } from './units.ts'
