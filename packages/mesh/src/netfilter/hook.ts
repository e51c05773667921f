/** Where a packet can be stopped, changed or looked at on its way (include/uapi/linux/netfilter.h, nf_inet_hooks). */
export const Hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export type Hook = (typeof Hook)[keyof typeof Hook];

/** What runs first at a hook (include/uapi/linux/netfilter_ipv4.h, nf_ip_hook_priorities). */
export const HookPriority = {
  conntrackDefrag: -400,
  raw: -300,
  conntrack: -200,
  mangle: -150,
  natDst: -100,
  filter: 0,
  natSrc: 100,
  conntrackConfirm: 0x7fffffff,
} as const;
