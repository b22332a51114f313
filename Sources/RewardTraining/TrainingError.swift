public import RewardData
public import RewardModel

/// Why training could not start, or had to stop.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The configuration contradicts itself, the model or the data.
    case invalidConfig(String)
    /// The data cannot serve a stage.
    case unsuitableData(String)
    /// A loss or gradient is no longer a finite number.
    case nonFinite(step: Int, what: String, lastCheckpoint: String?)
    /// The folder holds a run that began otherwise.
    case otherRun(path: String, reason: String)
    case malformedCheckpoint(path: String, reason: String)
    case file(Failure)
    case feedback(FeedbackDataError)
    case weights(WeightsError)
    /// An image of the data set could not be read.
    case image(path: String, reason: String)
    case engine(String)

    public var description: String {
        switch self {
        case .invalidConfig(let reason): "the training configuration: \(reason)"
        case .unsuitableData(let reason): "the data: \(reason)"
        case .nonFinite(let step, let what, let checkpoint):
            """
            \(what) is not a finite number at step \(step); \
            \(checkpoint.map { "the last good checkpoint is \($0)" } ?? "there is no checkpoint yet")
            """
        case .otherRun(let path, let reason):
            "\(path) holds another run: \(reason); choose another folder, or give what it was started with"
        case .malformedCheckpoint(let path, let reason): "\(path) is not a checkpoint that can be used: \(reason)"
        case .file(let failure): failure.message
        case .feedback(let error): error.description
        case .weights(let error): error.description
        case .image(let path, let reason): "\(path): \(reason)"
        case .engine(let reason): reason
        }
    }
}
