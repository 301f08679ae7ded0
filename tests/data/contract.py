"""The contract of every data set, for small versions of those whose files are not on this machine."""

from unweave.contracts import test_data as contract
from unweave.data.base import FactorData, ImageData

OF_ALL = (
    contract.test_images_have_the_declared_shape_and_range,
    contract.test_the_default_net_and_likelihood_are_known_and_suit_the_images,
    contract.test_indices_out_of_range_are_refused,
)
OF_FACTORS = (
    contract.test_index_and_factors_at_undo_each_other,
    contract.test_the_last_factor_varies_fastest,
    contract.test_render_and_images_show_the_same,
    contract.test_factors_carry_a_value_for_each_number,
    contract.test_declared_symmetries_are_real,
    contract.test_without_symmetries_every_factor_changes_some_image,
    contract.test_samples_cover_all_values_and_fixed_ones_keep_theirs,
    contract.test_wrong_factors_are_refused,
)


def keep(data: ImageData) -> None:
    assert data.at_hand
    for check in (*OF_ALL, *(OF_FACTORS if isinstance(data, FactorData) else ())):
        check(data)
    if data.labels is not None:
        contract.test_labels_number_every_image_by_its_class(data)
