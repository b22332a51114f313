import RewardTestSupport
import RewardTraining
import Testing

@Suite struct ConfigTests {
    private func config(_ text: String) throws -> TrainingConfig { try TrainingConfig(json: Array(text.utf8)) }

    @Test func whatIsLeftOutTakesItsDefault() throws {
        let read = try config(
            #"{"stages":[{"name":"a","steps":5,"losses":{"heatmap_entropy":1}},{"name":"b","steps":2,"crop":32,"bypass_transformers":true,"pairs":4}]}"#
        )
        #expect(read.stages[0] == StageConfig(name: "a", steps: 5, losses: LossConfig(heatmapEntropy: 1)))
        #expect(read.stages[1].singles == 0 && read.stages[1].items == 8)
        #expect(read.optimizer == OptimizerConfig() && read.seed == 1)
    }

    @Test func aConfigurationSurvivesItsJSON() throws {
        let whole = TrainingConfig(
            seed: 9,
            stages: [
                StageConfig(
                    name: "x", steps: 3, freeze: ["vit."], learningRateFactors: [.init(pattern: "t5.", factor: 2)])
            ],
            name: "n")
        #expect(try TrainingConfig(json: try whole.json) == whole)
    }

    @Test(arguments: [
        ("{}", "stages"), (#"{"stages":[]}"#, "no stages"), ("[", ""), (#"{"stages":[{"name":"a"}]}"#, "steps"),
        (#"{"stages":[{"name":"a","steps":1,"stepps":2}]}"#, "'stepps'"),
        (#"{"stages":[{"name":"a","steps":1,"losses":{"hing":2}}]}"#, "'hing'"),
        (#"{"stages":[{"name":"a","steps":0}]}"#, "steps is 0"),
        (#"{"stages":[{"name":"a","steps":1,"crop":64,"pairs":2}]}"#, "bypass_transformers"),
        (#"{"stages":[{"name":"a","steps":1,"singles":0}]}"#, "no items"),
        (#"{"stages":[{"name":"a","steps":1,"losses":{"hinge":1}}]}"#, "pairs"),
        (#"{"stages":[{"name":"a","steps":1,"learning_rate":-1}]}"#, "learning_rate"),
        (#"{"stages":[{"name":"a","steps":1,"rehearsal_pairs":2,"rehearsal_weight":0}]}"#, "rehearsal_weight"),
        (
            #"{"stages":[{"name":"a","steps":1,"crop":64,"bypass_transformers":true,"pairs":2,"rehearsal_pairs":2}]}"#,
            "rehearse nothing"
        ),
        (#"{"stages":[{"name":"a","steps":1,"schedule":"linear"}]}"#, ""),
        (#"{"optimizer":{"beta1":1},"stages":[{"name":"a","steps":1}]}"#, "beta1"),
    ]) func aContradictionIsNamed(text: String, fragment: String) {
        #expect {
            _ = try config(text)
        } throws: { error in
            guard case .invalidConfig(let reason)? = error as? TrainingError else { return false }
            return fragment.isEmpty || reason.contains(fragment)
        }
    }

    @Test func patternsPickWeightsByName() {
        let name = "vit.encoder.layer.3.attention.query.bias"
        for pattern in ["vit.", "vit.*", "*.bias", "vit.*.attention*", "*", "*layer.3*bias", ""] {
            #expect(NamePattern(pattern).matches(name), "\(pattern)")
        }
        for pattern in ["t5.", "*.weight", "vit.*weight*", "bias", "*layer.4*"] {
            #expect(!NamePattern(pattern).matches(name), "\(pattern)")
        }
    }

    @Test func ratesFollowTheirFormulas() {
        func rates(_ schedule: Schedule, final: Double = 0) -> [Float] {
            [0, 4, 9, 10, 39, 99, 100].map {
                Float(schedule.rate(peak: 2, step: $0, steps: 100, warmUp: 10, finalFactor: final))
            }
        }
        expectClose(rates(.constant), [0.2, 1, 2, 2, 2, 2, 2], absolute: 1e-6)
        // 2 √(10 / (step + 1))
        expectClose(
            rates(.reciprocalSquareRoot), [0.2, 1, 2, 1.906_925, 1, 0.632_456, 0.629_317], absolute: 1e-5)
        // 2 (0.1 + 0.9 (1 + cos(π (step - 10) / 90)) / 2)
        expectClose(
            rates(.cosine, final: 0.1), [0.2, 1, 2, 2, 1.576_927, 0.200_548, 0.2], absolute: 1e-5)
    }
}
