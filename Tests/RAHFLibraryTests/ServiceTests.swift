import CRAHF
import Logging
import RewardImage
import RewardModel
import RewardServer
import RewardTestSupport
import Testing

/// The same images through C and through ZeroMQ.
@Suite struct ServiceTests {
    @Test(arguments: PredictionTests.models) func theServiceAnswersWithTheBitsThatCHasInProcess(folder: String) throws {
        let files = try [
            "Examples/photographs/coffee.jpg", "Tests/RewardImageTests/Fixtures/rgba.png",
            "Tests/RewardImageTests/Fixtures/orientation-6.jpg", "Tests/RewardImageTests/Fixtures/lossless.webp",
        ].map { try Library.bytes("\(Fixtures.repository)/\($0)") }
        let prompts = ["a cup of coffee, and a spoon", PredictionTests.prompt]

        var log = Logger(label: "test")
        log.logLevel = .critical
        let configuration = ServerConfiguration(addresses: [try BindAddress("tcp://127.0.0.1:*")])
        let background = try BackgroundServer(
            try Server(configuration, scorer: try Predictor.load(folder: folder), log: log))
        let remote = try RemoteScorer(background.endpoints[0])

        let objective = rahf_objective_new()
        defer { rahf_objective_free(objective) }
        #expect(rahf_objective_set_score_weight(objective, Int32(RAHF_SCORE_AESTHETICS), 0.75) == Library.ok)
        #expect(
            rahf_objective_add_heatmap_term(
                objective, Int32(RAHF_HEATMAP_IMPLAUSIBILITY), Int32(RAHF_REDUCTION_MEAN), -1, nil, 0, 0)
                == Library.ok)
        let wanted = Objective(
            scoreWeights: [.aesthetics: 0.75], heatmapTerms: [HeatmapTerm(heatmap: .implausibility, weight: -1)])

        var items: [PredictionItem] = []
        try Library.withModel(folder) { model in
            try Library.withRequest { request in
                for file in files {
                    for prompt in prompts {
                        #expect(Library.add(request, file, prompt, RAHF_OUTPUT_ALL, objective) == Library.ok)
                        items.append(try PredictionItem(encodedImage: file, prompt: prompt, objective: wanted))
                    }
                }
                let remotes = remote.predict(items)
                try Library.withResult(model, request) { result in
                    #expect(String(cString: rahf_result_model_digest(result)) == remote.info.digest)
                    for index in items.indices {
                        var expected = try remotes[index].get()
                        expected.notes = []
                        let actual = try PredictionTests.prediction(result, index)
                        #expect(actual == expected, "item \(index)")
                        #expect(actual.gradient != nil && actual.heatmaps != nil && actual.words != nil)
                    }
                }
            }
        }
        try background.stop()
    }
}
