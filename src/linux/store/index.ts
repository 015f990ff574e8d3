/** The guard's memory on disk. */
export { takeOverFail2ban } from './fail2ban-database.ts'
export { GuardStore, type JailPositions } from './store.ts'
