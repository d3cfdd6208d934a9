"""REST of predictions, beside what every trait has: is there enough to learn from, the training report, Retrain."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from engine.traits.predictions import KIND
from spaces.api_base import SpaceAPIView
from traits.api import TraitView
from traits.models import Trait
from traits.predict_serializers import (
    PredictionCheckInputSerializer,
    PredictionSerializer,
    ReadinessSerializer,
)
from traits.selectors.predict import prediction, readiness_report
from traits.serializers import TraitSerializer
from traits.services.predict import retrain


class PredictionCheckView(SpaceAPIView):
    serializer_class = ReadinessSerializer

    @extend_schema(
        operation_id="traits_predictions_check",
        request=PredictionCheckInputSerializer,
        responses=ReadinessSerializer,
    )
    def post(self, request: Request, **kwargs: object) -> Response:
        """Whether the stored history is enough for a prediction; nothing is saved or trained."""
        sent = PredictionCheckInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        report = readiness_report(space=self.space, definition=sent.validated_data["definition"])
        return Response(ReadinessSerializer(report).data)


class _PredictionBase(TraitView):
    def prediction_trait(self) -> Trait:
        trait = self.trait()
        if trait.kind != KIND:
            raise Http404("This trait is no prediction.")
        return trait


class PredictionView(_PredictionBase):
    @extend_schema(operation_id="traits_prediction", responses=PredictionSerializer)
    def get(self, request: Request, **kwargs: object) -> Response:
        """The training report of the model in use, former ones, and what is under way."""
        return Response(PredictionSerializer(prediction(self.prediction_trait())).data)


class PredictionRetrainView(_PredictionBase):
    @extend_schema(operation_id="traits_prediction_retrain", request=None, responses={202: TraitSerializer})
    def post(self, request: Request, **kwargs: object) -> Response:
        """Train a new model now and score everybody by it; the one in use stays until then."""
        trait = retrain(trait=self.prediction_trait(), retrained_by=self.actor)
        return Response(TraitSerializer(trait).data, status=status.HTTP_202_ACCEPTED)
