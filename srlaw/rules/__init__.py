"""The rules: what evidence makes a claim reproduced, contradicted, …; one module a chapter of the book.

A rule is a pure function, evidence → (verdict, sentence). A notebook gathers the evidence and calls
`srlaw.claims.verdict`, which looks the rule up here. A new rule is a function in its chapter's module and a name below.
"""

from srlaw.rules import compute, frameworks, loss_scaling, ranking, successor
from srlaw.rules.data_scale import apen_substitute, eq_2, figure_4, figure_4_consistent, table_1_fits, table_2_fits
from srlaw.rules.datasets import table_1_data, table_2_data
from srlaw.rules.extrapolation import dataset_scales, few_small_points
from srlaw.rules.lemma import lemma_3_1
from srlaw.rules.optimal_size import depth_improves, eq_29, eq_30, table_3
from srlaw.rules.performance import eq_7, eq_7_data, figure_1, figure_3, figure_5, performance_against_scaling
from srlaw.rules.rule import Rule
from srlaw.rules.theorems import apen_duplication, lemma_3_2, theorem_3_3
from srlaw.rules.volume import lemma_3_4, lemma_3_4_bound, theorem_3_5, z_below_one

RULES: dict[str, Rule] = {
    rule.claim: rule
    for rule in (
        *(lemma_3_1, table_1_data, table_2_data),
        *(lemma_3_2, theorem_3_3, apen_duplication, lemma_3_4, lemma_3_4_bound, theorem_3_5, z_below_one),
        *(figure_1, figure_3, figure_5, performance_against_scaling, eq_7, eq_7_data),
        *(few_small_points, dataset_scales),
        *(figure_4, figure_4_consistent, apen_substitute, eq_2, table_1_fits, table_2_fits),
        *(eq_29, eq_30, table_3, depth_improves),
        *(successor.figure_3, successor.real_entropy, successor.table_3_tokens, successor.table_3_entropy),
        *(successor.table_1, successor.margins, successor.tables_7_8, successor.table_2_optimum),
        *(successor.table_2_budget, successor.theorem_4_1, successor.candidates, successor.redundancy),
        *(compute.scaling, compute.frontier, compute.joint_law, compute.compute_optimal, compute.flops),
        compute.transfer,
        *(frameworks.table_4, frameworks.silu_and_bias, frameworks.standard_transformers),
        *(frameworks.successor_table_4, frameworks.backbones),
        *(ranking.effective, ranking.log_loss, ranking.small_width),
        *(loss_scaling.eq_1, loss_scaling.figure_2, loss_scaling.r2_above, loss_scaling.linear),
    )
}
