/** Extensions that random rules never have, and why; a test holds that all others are drawn. */

export const undrawnMatches: Readonly<Record<string, string>> = {
  cgroup: 'nobody says which groups a host has, so it is unknown',
  cpu: 'the kernel chooses the processor',
  time: 'the clock of the day decides, which a seed does not bring back; its own test holds it to the kernel',
}

export const undrawnTargets: Readonly<Record<string, string>> = {
  CLUSTERIP: 'this kernel refuses it',
  IDLETIMER: 'its labels are shared by all namespaces of a machine, so cases would disturb each other',
  LED: 'this kernel refuses it',
  SECMARK: 'this kernel refuses it without SELinux',
  SET: 'a host here has no sets, so that every rule with it is refused',
  SYNPROXY: 'it is not run',
  TEE: 'nothing tells the copy that the kernel sends from the packet; its own test holds it to the kernel',
}
