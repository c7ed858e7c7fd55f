"""The exact test of each row of the tables: its equation, a closed form or a defining identity.

From the groups of rows to files, their tests, and the constructors that a test is about.
"""

EXACT = {
    "rule": {
        "tests/learning/test_backpropagation.py": {"test_backprop_is_the_delta_rule": "backprop"},
        "tests/learning/feedback/test_fixed.py": {
            "test_feedback_alignment_is_its_equation": "feedback_alignment",
            "test_direct_feedback_alignment_is_its_equation": "direct_feedback_alignment",
            "test_target_projection_is_its_equation": "direct_random_target_projection",
        },
        "tests/learning/feedback/test_signs.py": {
            "test_sign_symmetry_is_its_equation": "sign_symmetry",
            "test_fixed_magnitudes_stay_and_their_signs_follow_the_weights": "fixed_random_sign_symmetry",
            "test_batch_random_magnitudes_are_drawn_for_each_batch": "batch_random_sign_symmetry",
        },
        "tests/learning/feedback/test_learned.py": {
            "test_kolen_pollack_is_its_equation": "kolen_pollack",
            "test_a_step_of_the_mirror": "weight_mirror",
        },
        "tests/learning/energy/test_predictive.py": {
            "test_predictive_coding_is_its_equations": "predictive_coding",
            "test_centered_predictive_coding_is_its_equations": "centered_predictive_coding",
        },
        "tests/learning/energy/test_predictive_clamped.py": {
            "test_clamped_is_its_equations": "clamped_predictive_coding",
            "test_incremental_is_its_equations_and_sgd_follows_it": "incremental_predictive_coding",
        },
        "tests/learning/energy/test_predictive_exact.py": {
            "test_fixed_predictions_are_their_equations": "fixed_prediction_coding",
            "test_zero_divergence_with_weights_that_change_at_their_times": "zero_divergence_inference_learning",
        },
        "tests/learning/energy/test_error_coordinates.py": {
            "test_error_predictive_coding_is_its_equations": "error_predictive_coding",
        },
        "tests/learning/energy/test_lagrangian.py": {
            "test_lagrangian_predictive_coding_is_its_equations": "lagrangian_predictive_coding",
        },
        "tests/learning/energy/test_asymmetric.py": {
            "test_asymmetric_equilibrium_propagation_is_its_equation": "asymmetric_equilibrium_propagation",
        },
        "tests/learning/energy/test_dual.py": {
            "test_dual_propagation_is_its_equations": "dual_propagation",
        },
        "tests/learning/energy/test_equilibrium.py": {
            "test_the_rule_is_its_equation": "equilibrium_propagation centered_equilibrium_propagation",
            "test_the_sign_of_the_nudge_is_random": "random_sign_equilibrium_propagation",
        },
        "tests/learning/energy/test_holomorphic.py": {
            "test_the_rule_is_its_equation": "holomorphic_equilibrium_propagation",
        },
        "tests/learning/energy/test_contrastive.py": {
            "test_contrastive_hebbian_is_its_equation": "contrastive_hebbian",
        },
        "tests/learning/targets/test_propagation.py": {
            "test_target_propagation_is_its_equation": "target_propagation difference_target_propagation",
        },
        "tests/learning/targets/test_difference_reconstruction.py": {
            "test_local_difference_reconstruction_is_its_equations": "local_difference_reconstruction",
        },
        "tests/learning/targets/test_gait.py": {"test_gait_is_its_equation": "gait_propagation"},
        "tests/learning/targets/test_local.py": {
            "test_local_losses_are_their_equation": "local_losses",
        },
        "tests/learning/forward/test_goodness_rule.py": {
            "test_forward_forward_is_its_equations": "forward_forward",
        },
        "tests/learning/forward/test_self_contrastive.py": {
            "test_self_contrastive_is_its_equations": "self_contrastive_forward_forward",
        },
        "tests/learning/forward/test_modulation.py": {"test_pepita_is_its_equations": "pepita"},
        "tests/learning/forward/test_perturbation.py": {
            "test_all_directions_together_give_the_gradient": "forward_gradient weight_perturbation",
            "test_node_perturbation_is_its_equation": "node_perturbation",
        },
    },
    "plasticity": {
        "tests/learning/plasticity/test_rule.py": {
            "test_a_plasticity_of_ones_own_takes_three_lines": "local_rule"
        },
        "tests/learning/plasticity/test_competitive.py": {
            "test_soft_hebb_is_its_equation": "soft_hebb"
        },
        "tests/learning/plasticity/test_hebbian.py": {
            "test_the_equation_at_generic_values": "hebb oja sanger oja_subspace bcm covariance delta perceptron",
        },
        "tests/learning/plasticity/test_spike_timing.py": {
            "test_traces_are_the_sum_over_all_pairs": "pair_stdp",
            "test_triplet_traces_are_the_sum_over_all_triplets": "triplet_stdp",
            "test_reward_times_eligibility": "reward_modulated_stdp",
        },
        "tests/learning/plasticity/test_synapses.py": {
            "test_eligibility_is_a_filtered_change": "modulated",
        },
    },
    "network": {
        "tests/networks/test_layers.py": {
            "test_dense": "dense",
            "test_flatten_and_elementwise": "flatten elementwise",
            "test_embed_takes_rows_and_nothing_else": "embed",
            "test_dropout_rate_and_scale": "dropout",
            "test_layer_norm": "layer_norm",
        },
        "tests/networks/test_repetition.py": {"test_a_repetition_is_a_chain_of_copies": "repeated"},
        "tests/networks/test_convolution.py": {
            "test_conv_is_correlation": "conv",
            "test_pooling": "max_pool avg_pool",
        },
        "tests/core/test_composition.py": {
            "test_serial_is_composition": "serial",
            "test_parallel_combines_as_told": "parallel",
            "test_residual_adds_its_input": "residual",
            "test_batch_of_a_batch": "batch",
            "test_affine_is_its_network_and_refuses_others": "affine",
            "test_precision_is_that_of_the_computation": "with_precision",
        },
        "tests/networks/test_by_hand.py": {
            "test_functions_with_and_without_a_key": "from_functions",
        },
        "tests/learning/forward/test_goodness_rule.py": {
            "test_the_prediction_is_the_label_of_most_goodness": "goodness_network",
        },
        "tests/learning/forward/test_self_contrastive.py": {
            "test_self_contrastive_is_its_equations": "standardized_network",
        },
        "tests/learning/targets/test_local.py": {
            "test_local_losses_are_their_equation": "linear_readout",
        },
        "tests/networks/test_association.py": {
            "test_lookup_is_attention_to_the_table": "associative_lookup",
            "test_pool_is_attention_of_the_queries_to_the_set": "associative_pool",
            "test_self_association_is_attention_in_each_head": "self_association",
        },
        "tests/cells/test_composition.py": {"test_both_directions": "bidirectional"},
        "tests/cells/test_encoding.py": {"test_readouts": "rate_readout"},
        "tests/cells/test_gated.py": {"test_min_gru_in_parallel": "parallel_min_gru"},
        "tests/cells/test_linear.py": {
            "test_it_is_the_complex_equation": "parallel_linear_recurrent",
        },
        "tests/cells/test_unrolling.py": {
            "test_a_scan_is_a_loop_and_hands_its_carry_on": "unroll",
            "test_last_is_the_last_step_of_each_array": "last",
        },
    },
    "cell": {
        "tests/core/test_composition.py": {"test_lift_is_the_same_function_at_every_step": "lift"},
        "tests/cells/test_recurrent.py": {"test_the_equations": "elman gru"},
        "tests/cells/test_gated.py": {
            "test_the_equations": "lstm lstm_peephole minimal_gated ugrnn min_gru",
        },
        "tests/cells/test_continuous.py": {"test_the_equations": "ctrnn leaky_rnn"},
        "tests/cells/test_prospective.py": {"test_it_is_its_equation": "prospective_neurons"},
        "tests/cells/test_linear.py": {"test_it_is_the_complex_equation": "linear_recurrent"},
        "tests/cells/test_composition.py": {
            "test_a_stack_is_one_network_after_another": "stack",
            "test_a_shortcut": "residual",
        },
        "tests/cells/test_structured.py": {
            "test_low_rank_is_its_equation": "low_rank",
            "test_excitatory_inhibitory_is_its_equation": "excitatory_inhibitory",
            "test_connected_cuts_every_gate": "connected",
            "test_a_delay_line_shifts": "delayed",
        },
        "tests/cells/test_spiking.py": {
            "test_lif_is_its_equation": "lif",
            "test_alif_is_its_equation": "alif",
        },
        "tests/cells/test_quadratic.py": {"test_izhikevich_is_its_equation": "izhikevich"},
        "tests/cells/test_encoding.py": {"test_readouts": "leaky_integrator"},
        "tests/cells/test_unrolling.py": {"test_a_learned_carry": "learned_carry"},
        "tests/memory/episodic/test_fast_weights.py": {
            "test_hebbian_fast_weights_are_causal_linear_attention": "hebbian_fast_weights",
            "test_linear_attention_is_a_weighted_mean": "linear_attention",
            "test_the_delta_cell_by_hand": "delta_fast_weights",
        },
        "tests/memory/episodic/test_external.py": {"test_the_cell_by_hand": "external_memory"},
        "tests/learning/readout/test_reservoir.py": {"test_a_step_is_its_equation": "echo_state"},
        "tests/learning/readout/test_force_learning.py": {
            "test_a_step_of_the_generator_is_its_equation": "generator",
        },
        "tests/motor/brain/test_nuclei.py": {
            "test_the_equations_at_generic_values": "basal_ganglia",
        },
        "tests/motor/brain/test_selection_loop.py": {
            "test_the_equations_are_the_authors": "selection",
        },
        "tests/motor/brain/test_cortex.py": {"test_a_step_is_its_equation": "laminar_cortex"},
        "tests/motor/brain/test_system.py": {
            "test_the_system_is_the_one_of_the_equations": "motor_system",
        },
    },
    "memory": {
        "tests/memory/test_hopfield_network.py": {
            "test_asynchronous_is_unit_after_unit": "hopfield",
        },
        "tests/memory/test_graded.py": {
            "test_graded_is_its_euler_steps": "graded_hopfield",
        },
        "tests/memory/test_dense_associative.py": {
            "test_one_sweep_is_the_definition": "dense_associative_memory",
        },
        "tests/memory/test_modern.py": {
            "test_the_gradient_of_the_energy_is_the_state_less_its_update": "modern_hopfield",
        },
        "tests/memory/test_hierarchical.py": {
            "test_energy_and_descent_of_two_layers_are_the_formulas": "hierarchical_memory",
        },
        "tests/memory/test_bidirectional.py": {
            "test_recall_is_the_equation_and_its_energy_falls": "bidirectional_associative_memory",
        },
        "tests/memory/test_willshaw_network.py": {
            "test_store_and_recall_are_the_equation": "willshaw",
        },
        "tests/memory/test_sparse_distributed_memory.py": {
            "test_store_and_recall_are_the_equation": "sparse_distributed",
        },
        "tests/memory/test_holographic_memory.py": {
            "test_right_answers_are_as_many_as_theory_says": "holographic",
        },
    },
    "task": {
        "tests/tasks/test_recall.py": {
            "test_adding_is_the_sum_of_the_marked_and_its_naive_error_is_a_sixth": "adding",
            "test_copy_by_hand_and_its_naive_error": "copy",
            "test_flip_flop_holds_the_last_pulse": "flip_flop",
            "test_sequences_come_again_in_their_order": "sequence_memory",
        },
        "tests/tasks/test_decisions.py": {
            "test_matches_are_half_of_the_trials": "delayed_match",
            "test_evidence_is_what_most_cues_say": "evidence_accumulation",
            "test_context_says_which_stream_counts": "context_integration",
        },
        "tests/tasks/test_generation.py": {
            "test_sines_have_the_frequency_that_the_input_names": "sine_generation",
        },
        "tests/motor/tasks/test_reaching.py": {
            "test_a_trial_has_its_cues_targets_and_mask": "center_out delayed_reach random_target",
        },
        "tests/motor/tasks/test_fields.py": {
            "test_the_field_pushes_to_the_right_and_does_no_work": "curl_field_task",
            "test_a_push_is_across_the_reach_for_its_duration": "perturbed_reach",
        },
        "tests/motor/tasks/test_muscles.py": {
            "test_activity_is_the_least_that_makes_the_torques": "emg_generation",
        },
    },
    "part": {
        "tests/learning/online/test_readout_feedback.py": {
            "test_adaptive_feedback_becomes_symmetric": "adaptive_feedback symmetric_feedback",
            "test_random_feedback_carries_the_error_and_stays": "random_feedback",
        },
        "tests/motor/body/test_mass.py": {
            "test_a_mass_moves_as_the_exact_solution": "point_mass",
        },
        "tests/motor/body/test_arm.py": {
            "test_acceleration_and_inverse_dynamics_are_the_textbook_s": "two_link_arm",
        },
        "tests/motor/body/test_six_muscles.py": {
            "test_the_power_of_muscles_is_that_at_the_joints": "muscled_arm arm26",
        },
        "tests/motor/body/test_hill.py": {
            "test_thelen_curves_are_the_equations_in_meters_per_second": "thelen_hill",
            "test_kistemaker_curves_are_the_hyperbolas_in_optimal_lengths_per_second": "kistemaker_hill",
            "test_mujoco_curves_have_its_constants": "mujoco_hill",
        },
        "tests/learning/generative/test_visible_units.py": {
            "test_bernoulli_units_are_sums_over_their_states": "bernoulli",
            "test_gaussian_units_are_integrals_over_their_states": "gaussian",
        },
        "tests/memory/test_symbols.py": {
            "test_reduced_binding_is_circular_convolution": "holographic_reduced",
            "test_fourier_binding_adds_phases": "fourier_holographic_reduced",
            "test_bundle_of_signs_is_the_binomial": "multiply_add_permute",
        },
        "tests/memory/test_interactions.py": {
            "test_values_are_f_times_a_common_factor": "polynomial rectified_polynomial exponential",
        },
        "tests/memory/test_hierarchical.py": {
            "test_energy_and_descent_of_two_layers_are_the_formulas": "hierarchy",
        },
        "tests/analysis/test_decoders.py": {
            "test_ridge_is_that_of_scikit_learn": "ridge_decoder",
            "test_a_prediction_does_not_know_the_future": "recurrent_decoder",
        },
    },
    "function": {
        "tests/motor/body/test_paths.py": {
            "test_paths_are_straight_and_their_velocity_is_that_of_their_length": "path_length",
        },
        "tests/cells/test_surrogate.py": {
            "test_a_spike_is_a_step_with_a_slope": "triangle fast_sigmoid arctan gaussian boxcar",
        },
        "tests/memory/test_hopfield_network.py": {
            "test_heat_bath_has_boltzmanns_equilibrium": "heat_bath",
        },
        "tests/memory/test_hierarchical.py": {
            "test_a_fast_hidden_layer_is_the_two_layers_with_the_hidden_one_at_its_input": "hidden_layer",
        },
        "tests/memory/continual/test_elastic.py": {
            "test_one_anchor_is_the_sum_of_two_penalties": "elastic_penalty full_elastic_penalty",
        },
        "tests/tasks/test_task.py": {
            "test_a_graded_step_is_a_part_of_the_graded_trial": "graded graded_step",
        },
        "tests/motor/control/test_cost.py": {
            "test_the_cost_is_the_one_of_the_equation": "reach_loss",
        },
        "tests/motor/control/test_perturbations.py": {
            "test_fields_and_loads_add_their_forces": "constant_force viscous_field curl_field together",
            "test_a_pulse_acts_in_its_window_of_time": "during",
            "test_a_channel_keeps_the_hand_on_the_line_and_is_not_felt_along_it": "force_channel",
            "test_an_offset_of_the_sensory_feedback_changes_the_next_command": "perturb_sensory_feedback",
        },
        "tests/motor/control/test_lesions.py": {
            "test_a_lesion_is_exact": "set_gain silence",
            "test_a_lesion_can_be_undone_and_a_pulse_of_current_too": "stimulate",
            "test_any_part_of_a_carry_can_be_changed": "on_controller",
        },
        "tests/analysis/test_gradient_similarity.py": {
            "test_angles_at_generic_values": "angles_to",
        },
        "tests/training/test_scores.py": {
            "test_a_metric_of_all_examples_gets_all_of_them": "over_dataset",
            "test_several_labels": "above",
        },
        "tests/test_losses.py": {"test_a_weighted_loss_is_the_loss_times_its_weight": "weighted"},
    },
    "other": {
        "tests/learning/online/test_latent_equilibrium.py": {
            "test_it_is_its_equations": "generalized_latent_equilibrium"
        },
        "tests/learning/online/test_influence.py": {
            "test_rtrl_is_back_propagation_in_four_steps": "over_time"
        },
        "tests/memory/continual/test_replay.py": {
            "test_old_examples_count_as_many_times_as_they_are_drawn": "with_replay",
        },
        "tests/learning/plasticity/test_rule.py": {
            "test_each_dense_layer_learns_from_its_own_pair": "plastic",
            "test_a_sequence_changes_the_synapses_by_the_sum_over_its_steps": "plastic_in_time",
        },
        "tests/learning/generative/test_helmholtz.py": {
            "test_each_half_learns_from_the_samples_of_the_other": "wake_sleep",
        },
        "tests/learning/generative/test_divergence.py": {
            "test_cd_is_the_statistics_of_data_minus_those_after_k_steps": "contrastive_divergence",
            "test_persistent_chains_continue_from_update_to_update": "persistent_contrastive_divergence",
        },
        "tests/memory/continual/test_elastic.py": {
            "test_with_penalty_adds_value_and_gradient": "with_penalty",
        },
        "tests/learning/readout/test_force_learning.py": {
            "test_force_by_hand": "force",
            "test_full_force_by_hand": "full_force",
        },
        "tests/motor/control/test_loop.py": {
            "test_the_loop_is_the_one_of_the_equations": "closed_loop",
        },
        "tests/motor/control/test_lesions.py": {
            "test_a_lesion_is_exact": "with_gain",
        },
        "tests/motor/brain/test_adaptive_filter.py": {
            "test_the_equations_at_generic_values": "cerebellum",
            "test_a_forward_model_predicts_the_delayed_feedback": "forward_model",
        },
        "tests/motor/brain/test_cortex.py": {
            "test_a_step_is_its_equation": "laminar_cortex",
        },
    },
    "online": {
        "tests/learning/online/test_influence.py": {
            "test_rtrl_is_back_propagation_in_four_steps": "rtrl",
            "test_one_step_backprop_is_the_gradient_at_fixed_carries": "one_step_backprop online_rule",
            "test_units_that_do_not_mix_need_one_column": "rtrl_diagonal",
        },
        "tests/learning/online/test_sparse_influence.py": {"test_snap_by_hand": "snap"},
        "tests/learning/online/test_eligibility.py": {
            "test_rate_units_by_hand": "rflo",
            "test_adaptive_spiking_units_by_hand": "eprop",
        },
        "tests/learning/online/test_stochastic.py": {
            "test_the_mean_over_all_signs_is_the_gradient": "uoro kf_rtrl"
        },
    },
}
