/// What a sweep shows: the classes of frames. Source: Droste et al. (IPMI 2019), the planes of a
/// second-trimester scan.
public enum Plane: String, CaseIterable, Hashable, Sendable {
  case brainTransventricular = "BRAIN-TV"
  case brainCerebellum = "BRAIN-CB"
  case lips = "LIPS"
  case profile = "PROFILE"
  case abdominal = "ABDOMINAL"
  case kidneys = "KIDNEYS"
  case femur = "FEMUR"
  case fourChambers = "4CH"
  case leftOutflow = "LVOT"
  case rightOutflow = "RVOT"
  case threeVessels = "3VV"
  case spineCoronal = "SPINE-CORONAL"
  case spineSagittal = "SPINE-SAGITTAL"
  case background = "BACKGROUND"
}
