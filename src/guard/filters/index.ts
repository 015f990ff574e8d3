/** Postern's own filters: texts in fail2ban's language by name, for machines that have none. */
export const ownFilters: Readonly<Record<string, string>> = {}
