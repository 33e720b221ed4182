#include "policies/gates.h"
#include "policies/numbers.h"
#include "policies/say.h"

static struct verdict judge_lag(const struct replicas_settings *limits,
                                const struct facts *f)
{
    const struct replicas_facts *r = &f->replicas;
    struct verdict v;

    if (!number_known(&r->lag_ms, f->now, "replicas.lag_unreadable",
                      "the lag of the replicas", &v))
        return v;
    if (r->lag_ms.value > limits->max_lag_ms) {
        v = verdict_hold(
            "replicas.max_lag", 0, "a replica is %s behind, limit %s",
            say_ms(r->lag_ms.value).text, say_ms(limits->max_lag_ms).text);
        verdict_fix(&v, "wait until it has caught up, or find what holds it");
    } else {
        v = verdict_pass(
            "replicas.streaming", "%lld replicas stream, at most %s behind",
            (long long)r->streaming.value, say_ms(r->lag_ms.value).text);
    }
    number_source(&v, &r->lag_ms, f->now);
    return v;
}

static struct verdict judge(const struct replicas_settings *limits,
                            const struct facts *f)
{
    const struct fact *streaming = &f->replicas.streaming;
    struct verdict v;

    if (!number_known(streaming, f->now, "replicas.unreadable",
                      "the number of streaming replicas", &v))
        return v;
    if (streaming->value >= limits->min && streaming->value > 0)
        return judge_lag(limits, f);
    if (streaming->value >= limits->min) {
        v = verdict_pass("replicas.none_asked", "0 replicas stream, and none "
                                                "is asked for");
    } else {
        v = verdict_hold("replicas.min", 0,
                         "%lld replicas stream, at least "
                         "%lld are asked for",
                         (long long)streaming->value, (long long)limits->min);
        verdict_fix(&v, "bring the missing replica back, then try again");
    }
    number_source(&v, streaming, f->now);
    return v;
}

struct verdict replicas_judge(struct arena *scratch,
                              const struct policy_settings *policy,
                              const struct facts *facts)
{
    const struct replicas_settings *limits = &policy->replicas;
    struct verdict v;

    (void)scratch;
    if (!limits->on)
        return verdict_off();
    v = judge(limits, facts);
    verdict_limit(&v, "min = %lld, max_lag = %s", (long long)limits->min,
                  say_ms(limits->max_lag_ms).text);
    return v;
}
