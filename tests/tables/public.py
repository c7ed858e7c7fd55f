"""The public names of every public module: what ``dir()`` shows, and nothing else."""

TABLE = """
jaxbrain:
    Cell ChunkInfo Config History LearningRule Memory Network NonFiniteError SaveError
    TrainState accuracy affine analysis associative_lookup associative_pool avg_pool backprop
    batch binary_accuracy callbacks cells check checkpoint configured conv datasets dense
    direct_feedback_alignment dropout elementwise embed equinox_params evaluate
    feedback_alignment fit flatten from_equinox from_functions from_json from_linen from_nnx
    init_state layer_norm learning lift linen_params load_model load_training losses max_pool
    memory metrics motor nnx_params parallel predict predictive_coding repeated residual run
    save_model self_association serial step summary tasks testing to_equinox to_json to_linen
    to_nnx viz web with_precision
jaxbrain.analysis:
    Adaptation Alignment Comparison Decoded Decoder Estimate Fits FixedPoints Kinematics Linear
    Marginals PrincipalComponents Result Rotations Similarity Tuning adaptation angles angles_to
    bias_and_variance cca cka classify compare_rules compared_to condition_inversion
    condition_shuffle decode dimensionality field_sweep fixed_points frozen_hidden
    held_out_error jpca lagged lateral_deviation lesion_sweep linear_fit lyapunov
    marginal_covariances maximum_entropy minimum_jerk_correlation movement_window norm_ratios
    pca population_vector procrustes r_squared reach_kinematics reach_time recurrent_decoder
    ridge_decoder sign_agreement similarity skew_fit svcca tuning
jaxbrain.cells:
    Adaptive Areas CHATTERING FAST_SPIKING INTRINSICALLY_BURSTING Izhikevich LOW_THRESHOLD_SPIKING
    Membrane Quadratic REGULAR_SPIKING SequenceStep TwoStageStep alif bidirectional
    conduction_delays connected ctrnn dale delayed elman excitatory_inhibitory gru izhikevich last
    latency_encode leaky_integrator leaky_rnn learned_carry lif linear_recurrent low_rank lstm
    lstm_peephole masked min_gru minimal_gated modular parallel_linear_recurrent parallel_min_gru
    poisson_encode prospective_neurons rate_readout residual scan signed_weights stack subtract
    surrogate to_zero ugrnn unroll valid_steps
jaxbrain.cells.surrogate:
    arctan boxcar fast_sigmoid gaussian triangle
jaxbrain.core:
jaxbrain.datasets:
    Table circles digits fashion_mnist idx mnist1d moons spirals table text train_test_split xor
jaxbrain.learning:
    asymmetric_equilibrium_propagation backprop batch_random_sign_symmetry
    centered_equilibrium_propagation centered_predictive_coding clamped_predictive_coding
    contrastive_divergence contrastive_hebbian difference_target_propagation
    direct_feedback_alignment direct_random_target_projection dual_propagation energy eprop
    equilibrium_propagation error_predictive_coding feedback feedback_alignment
    fixed_prediction_coding fixed_random_sign_symmetry forward forward_forward forward_gradient
    gait_propagation generalized_latent_equilibrium generative holomorphic_equilibrium_propagation
    incremental_predictive_coding kf_rtrl kolen_pollack lagrangian_predictive_coding
    local_difference_reconstruction local_losses node_perturbation one_step_backprop online
    over_time pepita persistent_contrastive_divergence plasticity predictive_coding
    random_sign_equilibrium_propagation readout rflo rtrl rtrl_diagonal
    self_contrastive_forward_forward sign_symmetry snap target_propagation targets uoro wake_sleep
    weight_mirror weight_perturbation zero_divergence_inference_learning
jaxbrain.learning.energy:
    InferenceDiagnostics Residuals asymmetric_equilibrium_propagation backtracking
    centered_equilibrium_propagation centered_predictive_coding clamped_predictive_coding
    contrastive_hebbian dual_propagation equilibrium_network equilibrium_propagation
    error_predictive_coding fixed_prediction_coding fixed_step half_mse_error
    holomorphic_equilibrium_propagation incremental_predictive_coding lagrangian_predictive_coding
    mse_error predictive_coding random_sign_equilibrium_propagation sigmoid_error softmax_error
    zero_divergence_inference_learning
jaxbrain.learning.feedback:
    batch_random_sign_symmetry direct_feedback_alignment direct_random_target_projection
    feedback_alignment fixed_random_sign_symmetry kolen_pollack sign_symmetry weight_mirror
jaxbrain.learning.forward:
    any_label draw_label forward_forward forward_gradient goodness goodness_network likely_label
    node_perturbation overlay_label pepita self_contrastive_forward_forward standardized_network
    weight_perturbation
jaxbrain.learning.generative:
    belief boltzmann contrastive_divergence helmholtz persistent_contrastive_divergence
    wake_sleep
jaxbrain.learning.generative.belief:
    sample to_network top_down train_stack transpose
jaxbrain.learning.generative.boltzmann:
    Visible bernoulli energy free_energy gaussian gibbs hidden_drive log_partition rbm
    reconstruct
jaxbrain.learning.generative.helmholtz:
    free_energy generate helmholtz_machine log_generative log_recognition recognize wake_sleep
jaxbrain.learning.online:
    Feedback Influence LinearizedStep adaptive_feedback eprop generalized_latent_equilibrium
    kf_rtrl one_step_backprop
    online_rule over_time random_feedback rflo rtrl rtrl_diagonal snap symmetric_feedback uoro
jaxbrain.learning.plasticity:
    HIPPOCAMPUS HIPPOCAMPUS_MINIMAL Triplet VISUAL_CORTEX VISUAL_CORTEX_MINIMAL bcm covariance
    delta everywhere hebb local_rule modulated oja oja_subspace pair_stdp perceptron plastic
    plastic_in_time reward_modulated_stdp sanger soft_hebb total_change triplet_stdp
jaxbrain.learning.readout:
    ForceState GeneratorState Squares echo_state force full_force generator learned_params
    least_squares least_squares_step linear_memory_capacity ridge
jaxbrain.learning.targets:
    TargetDiagnostics difference_target_propagation gait_propagation linear_readout
    local_difference_reconstruction local_losses target_propagation
jaxbrain.losses:
    Weighted binary_cross_entropy binary_cross_entropy_of_probabilities
    cross_entropy_of_probabilities half_mse mse softmax_cross_entropy weighted
jaxbrain.memory:
    Anchor CapacityCurve Factors Hierarchy Info Interaction ReplayBuffer Storage SynapticState
    VectorSymbols activation_probability add_outer_product add_outer_product_factors
    add_pseudo_inverse add_pseudo_inverse_factors add_storkey asynchronous
    bidirectional_associative_memory bilinear capacity_curve clean_up consolidate consolidate_online
    continual corrupt delta_fast_weights dense_associative_memory dense_asynchronous dense_bit_error
    dense_capacity dense_synchronous elastic_penalty empirical_fisher empty_anchor end_task episodic
    exponential external_memory fisher fourier_holographic_reduced full_elastic_penalty full_fisher
    graded_hopfield heat_bath hebbian_fast_weights hidden_layer hierarchical_memory hierarchy
    holographic holographic_capacity holographic_reduced hopfield hopfield_bit_error
    hopfield_overlap lagrangians linear_attention local_fields mask modern_hopfield
    multiply_add_permute outer_product outer_product_factors overlap polynomial pseudo_inverse
    pseudo_inverse_factors rectified_polynomial replay replay_buffer sampled_fisher sleep_replay
    sparse_distributed sparse_distributed_capacity storkey synaptic_intelligence synchronous unitary
    willshaw willshaw_capacity willshaw_load with_penalty with_replay
jaxbrain.memory.continual:
    Anchor ReplayBuffer SynapticState consolidate consolidate_online elastic_penalty
    empirical_fisher empty_anchor end_task fisher full_elastic_penalty full_fisher replay
    replay_buffer sampled_fisher sleep_replay synaptic_intelligence with_penalty with_replay
jaxbrain.memory.continual.replay:
    ReplayBuffer add replay_buffer sample with_replay
jaxbrain.memory.episodic:
    delta_fast_weights dpfp elu_plus_one external_memory hebbian_fast_weights linear_attention
jaxbrain.memory.lagrangians:
    identity normalized relu repu sigmoid softmax spherical tanh
jaxbrain.motor:
    ARM26_MUSCLES ARM26_SKELETON Action Arm ArmState BasalGanglia Cerebellum CerebellumInput
    Cortex ForwardModel ForwardModelInput Hand LI_TODOROV Layers LinearReach Loop MOTOR MOTORNET
    MotorSystem Movement MuscledArm Muscles NIJHOF_KOUWENHOVEN Pathways Physics Plant PointState
    Regulator SENSORY Selection Signals TaskInput Thalamocortical Thresholds Wiring arm26
    basal_ganglia body brain cerebellum closed_loop control cortex_rates cortical_layers
    forward_model gate hill laminar_cortex layer_activity linear_reach lqr minimum_jerk
    motor_system muscled_arm nuclei_rates path_length perturbations point_mass reach_cost
    reach_loss runge_kutta selection tasks two_link_arm with_gain
jaxbrain.motor.body:
    ARM26_MUSCLES ARM26_SKELETON Action Arm ArmState Hand LI_TODOROV MOTORNET MuscledArm Muscles
    NIJHOF_KOUWENHOVEN Physics Plant PointState arm26 arm26_length arm26_moment_arms
    first_order_activation hill muscled_arm path_length point_mass runge_kutta thelen_activation
    two_link_arm
jaxbrain.motor.body.hill:
    Hill hill_force kistemaker_active kistemaker_hill kistemaker_passive kistemaker_velocity
    mujoco_active mujoco_hill mujoco_passive mujoco_velocity thelen_active thelen_hill
    thelen_passive thelen_velocity
jaxbrain.motor.brain:
    BasalGanglia Cerebellum CerebellumInput Cortex ForwardModel ForwardModelInput IN_THE_LOOP
    Layers MOTOR MotorSystem POTJANS_DIESMANN POTJANS_DIESMANN_SIZES Pathways SENSORY Selection
    Thalamocortical Thresholds WEILER Wiring basal_ganglia cerebellum cortex_rates
    cortical_layers forward_model gate laminar_cortex layer_activity motor_system nuclei_rates
    selection
jaxbrain.motor.control:
    LinearReach Loop Movement Regulator Signals TaskInput WithGain closed_loop linear_reach lqr
    minimum_jerk perturbations reach_cost reach_loss with_gain
jaxbrain.motor.control.perturbations:
    constant_force curl curl_field during force_channel on_controller perturb_sensory_feedback
    set_gain silence stimulate together viscous_field
jaxbrain.motor.tasks:
    center_out curl_field_task delayed_reach emg_generation perturbed_reach random_target
    schedule
jaxbrain.networks:
    associative_lookup associative_pool avg_pool conv dense dropout elementwise embed
    equinox_params flatten from_equinox from_functions from_linen from_nnx layer_norm
    linen_params max_pool nnx_params repeated self_association summary to_equinox to_linen to_nnx
jaxbrain.tasks:
    Task Trial adding batches context_integration copy delayed_match evidence_accumulation
    flip_flop graded graded_step sequence_memory sine_generation
jaxbrain.testing:
    Mechanics check_gradient check_plant check_relaxed check_rule check_unbiased relative_error
jaxbrain.training:
    ChunkInfo History NonFiniteError SaveError TrainState callbacks check checkpoint fit
    init_state metrics run step
jaxbrain.training.callbacks:
    EarlyStopping csv_writer early_stopping log_learning_rate tensorboard_writer
jaxbrain.training.checkpoint:
    CheckpointError exists metadata restore save
jaxbrain.training.metrics:
    above accuracy binary_accuracy confusion_matrix evaluate exact_match f1 macro
    mean_absolute_error micro most_likely multilabel_accuracy over_dataset per_class precision
    r_squared recall roc_auc support_weighted top_k_accuracy
jaxbrain.viz:
    activations adaptation_curve alignment arm_animation capacity confusion connectivity curves
    dashboard decision_boundary eigenvalues energy fixed_points hand_paths laminar_activity
    landscape motor_dashboard network phase_portrait preferred_directions raster recall
    receptive_fields rotations rule_differences rule_scores rule_table surrogate_histogram
    trajectories tuning_curves velocity_profiles weights
jaxbrain.web:
    javascript
"""

PUBLIC: dict[str, list[str]] = {}
for line in TABLE.strip().splitlines():
    if line.endswith(":"):
        names = PUBLIC.setdefault(line[:-1], [])
    else:
        names += line.split()
