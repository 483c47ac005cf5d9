"""Words for what a worker gives up before it opens anything, for both sides. Must not import anything."""

NO_NETWORK = "no network"
OWN_PROCESSES = "own processes"
READ_ONLY = "read-only files"
NO_PRIVILEGES = "no privileges"
LIMITS = "limits"
FULL = (NO_NETWORK, OWN_PROCESSES, READ_ONLY, NO_PRIVILEGES, LIMITS)
OWNER = "CONVERTKIT_OWNER"  # variable with the process that started a worker; its children have it too
WRITABLE = "CONVERTKIT_WRITABLE"  # variable with the folders that a worker may write to; unset: no sandbox


def describe(reached: tuple[str, ...]) -> str:
    """`full`, `none`, or `partial: no network, limits`."""
    if set(FULL) <= set(reached):
        return "full"
    return f"partial: {', '.join(reached)}" if reached else "none"


def has_own_processes(described: str) -> bool:
    """Whether the kernel itself ends all that a worker started, by the words of `describe`."""
    return described == "full" or OWN_PROCESSES in described
