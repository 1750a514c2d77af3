"""The experiments with a foreign server of `line`: how it talks, and which requirements that breaks."""
from parley.conformance.probes.line_experiments import framing, logins, presence, refusals, talk

EXPERIMENTS = (
    logins.greeting, logins.pulse, logins.login, framing.ping, framing.unended, presence.strangers,
    framing.segments, logins.asked_again, logins.before_login, logins.beside, talk.case_of_names, logins.joins,
    talk.talk, talk.replays, talk.whispers, talk.proof, presence.who, refusals.refusals, refusals.holders,
    refusals.unknown_before_login, refusals.strikes, presence.leaving, presence.cut_off, talk.texts, logins.names,
    logins.crowd, framing.long_lines)
